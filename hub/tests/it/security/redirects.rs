//! Cases 19-23: where the hub sends a browser, and what it writes into its pages. (The validator of `next` has a property
//! test of its own, in `domain::next_url`; the SDK's callback is tested in `hubauth`.)

use url::Url;

use super::send_login_form;
use crate::harness::{Browser, Hub, PASSWORD, Reply};
use crate::watch::Watched;

/// Where the browser sees the hub.
const OWN: &str = "http://127.0.0.1:8000";

fn quoted(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// The reply leads to our own host, as a browser reads it.
#[track_caller]
fn stays(reply: &Reply, at: &str, what: &str) {
    let Some(location) = reply.headers.get("location") else {
        return;
    };
    let location = location
        .to_str()
        .unwrap_or_else(|_| panic!("{what}: {reply:?}"));
    let landed = Url::parse(OWN).unwrap().join(at).unwrap().join(location);
    let landed = landed.unwrap_or_else(|error| panic!("{what}: {error}: {location}"));
    assert_eq!(
        landed.origin(),
        Url::parse(OWN).unwrap().origin(),
        "{what} leads to {location}"
    );
    assert!(
        landed.username().is_empty() && landed.password().is_none(),
        "{what}: {location}"
    );
}

/// The places of the hub that take a `next`, or make one of a path.
fn places(next: &str) -> [String; 6] {
    let query = quoted(next);
    [
        format!("/hub/login?next={query}"),
        format!("/hub/user-redirect/{}", query.replace('+', "%20")),
        format!("/hub/?next={query}"),
        format!("/hub/spawn?next={query}"),
        format!("/hub/spawn/alice?next={query}"),
        format!("/hub/spawn-pending/alice?next={query}"),
    ]
}

async fn goes_nowhere_else(hub: &Hub, browser: &Browser, next: &str, path: &str) {
    let call = hub.request("GET", path).header("host", "127.0.0.1:8000");
    let reply = call.browser(browser).send().await;
    assert!(!reply.status.is_server_error(), "{path}: {reply:?}");
    stays(&reply, path, next);
}

/// Sends every hostile `next` to every place.
async fn everywhere(hub: &Hub, browser: &Browser, hostile: &[String]) {
    for next in hostile {
        for path in places(next) {
            goes_nowhere_else(hub, browser, next, &path).await;
        }
        let path = format!("/hub/login?next={}", quoted(next));
        let page = hub.request("GET", &path).send().await.expect(200);
        assert!(!page.headers.contains_key("location"));
    }
}

/// Logs in with each of some hostile values: the redirect after the form, too, stays here.
async fn nor_after_the_form(hub: &Hub, hostile: &[String]) {
    for next in hostile {
        let path = format!("?next={}", quoted(next));
        let reply = send_login_form(hub, "x=y", &path, "alice", PASSWORD)
            .await
            .expect(302);
        stays(&reply, "/hub/login", next);
    }
}

#[tokio::test]
async fn case_19_host_prefixed_next() {
    let hub = Watched::start().await;
    let me = hub.token("alice", &["inherit"]).await;
    hub.call(&me, "POST", "/hub/api/users/alice/server")
        .send()
        .await
        .expect(201);
    let browser = hub.log_in("alice").await;
    let mut hostile = Vec::new();
    for evil in [
        "//evil",
        "/\\evil",
        "@evil",
        ".evil",
        "\\evil",
        "\\\\evil",
        "/%2fevil",
        ":80@evil",
        "#@evil",
        "?@evil",
        "/..//evil",
        "/.//evil",
    ] {
        hostile.push(format!("{OWN}{evil}"));
        hostile.push(format!("{}{evil}", OWN.trim_start_matches("http:")));
        hostile.push(evil.to_owned());
    }
    hostile.push(format!("//127.0.0.1:8000//{}", "evil"));
    hostile.push(format!("https:{}", OWN.trim_start_matches("http:")));
    everywhere(&hub, &browser, &hostile).await;
    nor_after_the_form(&hub, &hostile).await;
    hub.is_well().await;
}

#[tokio::test]
async fn case_20_control_bytes_in_next() {
    let hub = Watched::start().await;
    let me = hub.token("alice", &["inherit"]).await;
    hub.call(&me, "POST", "/hub/api/users/alice/server")
        .send()
        .await
        .expect(201);
    let browser = hub.log_in("alice").await;
    let odd = [
        "\t",
        "\r",
        "\n",
        "\r\n",
        "\0",
        "\u{b}",
        "\u{c}",
        " ",
        "\u{1b}",
        "\u{7f}",
        "\u{2028}",
        "\u{a0}",
        "\u{feff}",
        "\r\nSet-Cookie: a=b\r\n\r\n",
    ];
    let mut hostile = Vec::new();
    for base in ["//evil", "/\\evil"] {
        for odd in odd {
            for at in 0..=base.len() {
                let (before, after) = base.split_at(at);
                let once = format!("{before}{odd}{after}");
                hostile.push(quoted(&once));
                hostile.push(once);
            }
        }
    }
    everywhere(&hub, &browser, &hostile).await;
    nor_after_the_form(&hub, &hostile[..20]).await;
    hub.is_well().await;
}

/// The classes of open redirects that are known: every scheme, number of slashes, way to hide a host, and encoding.
fn generated() -> Vec<String> {
    let schemes = [
        "",
        "http:",
        "https:",
        "HTTP:",
        "javascript:",
        "data:",
        "ftp:",
        "x:",
        "///127.0.0.1:8000",
    ];
    let slashes = [
        "", "/", "//", "///", "////", "\\", "/\\", "\\/", "/\t/", "%2f%2f", "%5c", "/%2f", "/;@",
        "/.", "/..//",
    ];
    let hosts = [
        "evil.example",
        "evil.example:80",
        "127.0.0.1:8000@evil.example",
        "127.0.0.1:8000.evil.example",
        "evil.example#@127.0.0.1:8000",
        "evil.example?127.0.0.1:8000",
        "evil.example\\@127.0.0.1:8000",
        "[::ffff:7f00:1]",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "evil\u{3002}example",
        "\u{ff45}vil.example",
        "user:pw@evil.example",
        "xn--evil",
        "evil.example%00.127.0.0.1",
        "%65vil.example",
        "alert(1)",
    ];
    let mut all = Vec::new();
    for scheme in schemes {
        for slash in slashes {
            for host in hosts {
                all.push(format!("{scheme}{slash}{host}"));
            }
        }
    }
    all
}

#[tokio::test]
async fn case_21_generated_open_redirects() {
    let hub = Watched::start().await;
    let me = hub.token("alice", &["inherit"]).await;
    hub.call(&me, "POST", "/hub/api/users/alice/server")
        .send()
        .await
        .expect(201);
    let browser = hub.log_in("alice").await;
    let hostile = generated();
    assert!(hostile.len() > 2_000);
    for (index, next) in hostile.iter().enumerate() {
        // The places share one validator: each vector goes to the two that differ, and to one of the others in turn.
        let places = places(next);
        for path in [&places[0], &places[1], &places[2 + index % 4]] {
            goes_nowhere_else(&hub, &browser, next, path).await;
        }
    }
    // The form's own redirect takes the same way: a sample of each class.
    let sample: Vec<String> = hostile.iter().step_by(97).cloned().collect();
    nor_after_the_form(&hub, &sample).await;
    hub.is_well().await;
}

/// Headers with which somebody might choose the host of our links.
const POISON: &[(&str, &str)] = &[
    ("host", "evil.example"),
    ("host", "evil.example:80"),
    ("host", "127.0.0.1:8000@evil.example"),
    ("host", "evil.example/\"><script>"),
    ("x-forwarded-host", "evil.example"),
    ("x-forwarded-proto", "javascript"),
    ("x-forwarded-proto", "http"),
    ("x-forwarded-prefix", "//evil.example"),
    ("x-forwarded-port", "1"),
    ("x-original-url", "//evil.example"),
    ("forwarded", "host=evil.example;proto=https"),
    ("x-host", "evil.example"),
];

/// Takes away what every answer has of its own: the id of its request, and the nonce of its policy.
fn settle(reply: &mut Reply) {
    reply.headers.remove("x-request-id");
    let policy = reply.header("content-security-policy").to_owned();
    if let Some((_, rest)) = policy.split_once("'nonce-") {
        let nonce = rest.split('\'').next().unwrap();
        let policy = policy.replace(nonce, "").parse().unwrap();
        reply.headers.insert("content-security-policy", policy);
    }
}

#[tokio::test]
async fn case_22_poisoned_hosts() {
    const PATHS: &[&str] = &[
        "/hub/login",
        "/hub/login?next=http%3A%2F%2Fevil.example%2Fx",
        "/hub/home",
        "/hub/token",
        "/hub/",
        "/user/bob",
        "/hub/user/alice/api/status",
        "/hub/api/users?limit=1",
        "/hub/api/oauth2/authorize?client_id=service-whoami&response_type=code",
        "/hub/nope",
    ];
    let public = Watched::with(|config| {
        config.jupyterhub.public_url = Some("https://hub.example/".parse().unwrap());
    })
    .await;
    let (browser, admin) = (public.log_in("alice").await, public.log_in("admin").await);
    let get = |path: &'static str, header: Option<(&'static str, &'static str)>| {
        let who = if path.contains("/api/users") {
            &admin
        } else {
            &browser
        };
        let call = public.request("GET", path).browser(who).header(
            "accept",
            "application/jupyterhub-pagination+json, text/html",
        );
        match header {
            Some((name, value)) => call.header(name, value),
            None => call.header("host", "hub.example"),
        }
        .send()
    };
    for path in PATHS {
        let mut clean = get(path, None).await;
        settle(&mut clean);
        for header in POISON {
            let mut poisoned = get(path, Some(*header)).await;
            settle(&mut poisoned);
            assert_eq!(poisoned.status, clean.status, "{path} {header:?}");
            assert_eq!(poisoned.headers, clean.headers, "{path} {header:?}");
            // Codes and tokens aside, which are made anew each time, not one byte is another.
            assert_eq!(poisoned.body, clean.body, "{path} {header:?}");
        }
    }
    public.is_well().await;

    // Without a public URL only a Host that is one gets into links, and nothing else does.
    let hub = Watched::start().await;
    let (browser, admin) = (hub.log_in("alice").await, hub.log_in("admin").await);
    for path in PATHS {
        for (name, value) in POISON
            .iter()
            .filter(|(name, value)| *name != "host" || value.len() > 20)
        {
            let who = if path.contains("/api/users") {
                &admin
            } else {
                &browser
            };
            let call = hub.request("GET", path).browser(who).header(
                "accept",
                "application/jupyterhub-pagination+json, text/html",
            );
            let reply = call.header(name, value).send().await;
            let text = format!("{:?}{}", reply.headers, reply.body);
            let echoed = text.replace("http%3A%2F%2Fevil.example%2Fx", "");
            assert!(
                !echoed.contains("evil.example"),
                "{path} {name}: {value}: {echoed}"
            );
        }
    }
    hub.is_well().await;
}

#[tokio::test]
async fn case_23_html_in_what_pages_show() {
    const EVIL: &str = "'\"><img src=x onerror=alert(1)>{{ 111111*9 }}";
    let hub = Watched::with(|config| {
        config.authenticator.allow_all = Some(true);
        config.jupyterhub.services[1].oauth_client_allowed_scopes =
            vec!["read:users!user".parse().unwrap()];
    })
    .await;
    let name = EVIL.to_lowercase().replace("{{ 111111*9 }}", "");
    let browser = hub.log_in(&name).await;
    let me = hub.token(&name, &["inherit"]).await;
    let own = hub_types::names::escape(&name);
    let body = serde_json::json!({"note": EVIL});
    hub.call(&me, "POST", &format!("/hub/api/users/{own}/tokens"))
        .json(&body)
        .send()
        .await
        .expect(201);
    let evil = quoted(EVIL);
    let mut pages = Vec::new();
    for path in [
        "/hub/home".to_owned(),
        "/hub/token".to_owned(),
        format!("/hub/spawn/{own}"),
        format!("/hub/spawn-pending/{own}?next=%2F{evil}"),
        format!("/hub/error/404?url={evil}"),
        format!("/hub/error/{}", evil.replace('+', "%20")),
        format!("/hub/user/{own}/{}", evil.replace('+', "%20")),
        format!("/hub/nope/{}", evil.replace('+', "%20")),
        format!("/hub/api/oauth2/authorize?client_id={evil}"),
        format!("/hub/api/oauth2/authorize?client_id=service-whoami&redirect_uri={evil}"),
        format!("/user/{evil}"),
    ] {
        for site in ["same-origin", "cross-site"] {
            let call = hub.request("GET", &path).browser(&browser);
            pages.push((
                path.clone(),
                call.header("sec-fetch-site", site).send().await,
            ));
        }
    }
    for path in [
        format!("/hub/login?next=%2F{evil}"),
        format!("/hub/login?username={evil}"),
    ] {
        pages.push((path.clone(), hub.request("GET", &path).send().await));
        pages.push((
            path.clone(),
            send_login_form(&hub, "x=y", &path["/hub/login".len()..], EVIL, "wrong").await,
        ));
    }
    // A form that comes back shows what was typed.
    let stale = hub.request("POST", "/hub/token").browser(&browser);
    let stale = stale.form(&[("_xsrf", "old"), ("note", EVIL), ("scopes", EVIL)]);
    pages.push(("POST /hub/token".into(), stale.send().await.expect(403)));
    let wrong = hub.request("POST", "/hub/token").browser(&browser);
    let wrong = wrong.form(&[
        ("_xsrf", &browser.xsrf),
        ("note", EVIL),
        ("scopes", EVIL),
        ("expires_in", EVIL),
    ]);
    pages.push(("POST /hub/token".into(), wrong.send().await.expect(400)));
    let mut shown = 0;
    for (path, page) in &pages {
        assert!(!page.body.contains("<img src=x"), "{path}: a new element");
        assert!(
            !page.body.contains("onerror=alert(1)>"),
            "{path}: an attribute"
        );
        assert!(
            !page.body.contains("999999"),
            "{path}: a template was evaluated"
        );
        shown += usize::from(page.body.contains("&lt;img src=x"));
    }
    assert!(shown >= 8, "the texts are shown, escaped: on {shown} pages");
    hub.is_well().await;
}
