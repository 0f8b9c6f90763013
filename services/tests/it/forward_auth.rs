//! The login in front of other applications: what nginx, Traefik and Caddy ask, and what they must not be talked into.

use std::collections::BTreeMap;

use clap::Parser as _;
use hub_types::env::JUPYTERHUB_SERVICE_URL;
use hub_types::secret::Token;
use hubauth::testing::{FakeHub, Mood};
use reqwest::header::{HeaderMap, LOCATION, SET_COOKIE};
use services::forward_auth::{Args, Site, router};
use services::kit::{self, ServiceEnv};
use services::supervisor::probe_client;

/// A hub, the service, and the cookies of one browser.
struct Scene {
    hub: FakeHub,
    origin: String,
    http: reqwest::Client,
    /// By name and path, as browsers keep them.
    cookies: BTreeMap<(String, String), String>,
}

const CHECK: &str = "/services/docs/check";
const FORWARD: &str = "/services/docs/forward";

impl Scene {
    /// The site is `http://site.test/docs/`, the service at `/services/docs/` of the same host.
    async fn start(args: &[&str]) -> Self {
        let hub = FakeHub::start().await.unwrap();
        let mut env = hub.env("docs").unwrap();
        env.insert(JUPYTERHUB_SERVICE_URL.into(), "http://127.0.0.1:0".into());
        let service = ServiceEnv::from_env(&env).unwrap();
        let all = ["forward-auth", "--site=http://site.test/docs"];
        let args = Args::try_parse_from(all.iter().chain(args)).unwrap();
        let app = kit::mount(&service, router(Site::new(&args, &service, &env).unwrap()));
        let listener = service.bind().await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self {
            hub,
            origin,
            http: probe_client().unwrap(),
            cookies: BTreeMap::new(),
        }
    }

    async fn get(&mut self, path: &str, headers: &[(&str, &str)]) -> (u16, HeaderMap) {
        let origin = if path.starts_with("/hub/") {
            self.hub.origin()
        } else {
            self.origin.clone()
        };
        let mut request = self.http.get(format!("{origin}{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        // nginx and the others pass on what the browser sent to the page that is asked about.
        let asked = headers
            .iter()
            .find(|(name, _)| matches!(*name, "x-original-uri" | "x-forwarded-uri"))
            .map(|(_, uri)| *uri);
        let page = match (asked, path.split('?').next().unwrap()) {
            (Some(page), _) => page,
            (None, CHECK | FORWARD) => "/docs/",
            (None, path) => path,
        };
        let pairs: Vec<_> = self
            .cookies
            .iter()
            .filter(|((_, scope), _)| page.starts_with(scope.as_str()))
            .map(|((name, _), value)| format!("{name}={value}"))
            .collect();
        if !pairs.is_empty() {
            request = request.header("cookie", pairs.join("; "));
        }
        let reply = request.send().await.unwrap();
        for cookie in reply.headers().get_all(SET_COOKIE) {
            let text = cookie.to_str().unwrap();
            let (name, value) = text.split(';').next().unwrap().split_once('=').unwrap();
            let scope = text.split("; ").find_map(|part| part.strip_prefix("Path="));
            let key = (name.to_owned(), scope.unwrap_or("/").to_owned());
            if value.is_empty() {
                self.cookies.remove(&key);
            } else {
                self.cookies.insert(key, value.to_owned());
            }
        }
        (reply.status().as_u16(), reply.headers().clone())
    }

    /// Goes from the redirect to the hub through the login; gives where that ends.
    async fn log_in(&mut self, user: &str, to_hub: &HeaderMap) -> String {
        self.hub.log_in(Some(user));
        let (status, back) = self.get(&location(to_hub), &[]).await;
        assert_eq!(status, 302);
        let (status, end) = self.get(&location(&back), &[]).await;
        assert_eq!(status, 302, "{end:?}");
        location(&end)
    }
}

fn location(headers: &HeaderMap) -> String {
    headers[LOCATION].to_str().unwrap().to_owned()
}

fn bearer(token: &Token) -> String {
    format!("token {}", token.expose())
}

#[tokio::test]
async fn nginx_asks_and_leads_to_the_login() {
    let mut scene = Scene::start(&[]).await;
    scene
        .hub
        .add_user_with("zoe", &["crew", "a,b"], &["access:services"]);
    let page = [
        ("x-original-uri", "/docs/a?b=c&d"),
        ("x-original-method", "GET"),
        ("accept", "text/html"),
    ];
    assert_eq!(scene.get(CHECK, &page).await.0, 401);
    let (status, to_hub) = scene.get("/services/docs/login", &page).await;
    assert_eq!(status, 302);
    assert!(location(&to_hub).starts_with("/hub/api/oauth2/authorize?"));
    assert_eq!(scene.log_in("zoe", &to_hub).await, "/docs/a?b=c&d");

    let (status, headers) = scene.get(CHECK, &page).await;
    assert_eq!(status, 200);
    for (name, value) in [
        ("x-hub-user", "zoe"),
        ("x-hub-groups", "crew,a%2Cb"),
        ("x-hub-kind", "user"),
        ("x-hub-admin", "false"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(headers[name], value, "{name}");
    }
    let post = [("x-original-uri", "/docs/"), ("x-original-method", "POST")];
    assert_eq!(scene.get(CHECK, &post).await.0, 200);
    let (_, out) = scene.get("/services/docs/logout", &[]).await;
    assert_eq!(location(&out), "/hub/logout");
    assert_eq!(scene.get(CHECK, &page).await.0, 401);
    assert_eq!(
        scene.get(CHECK, &post).await.0,
        403,
        "what cannot be repeated after a login does not lead there"
    );
}

#[tokio::test]
async fn the_cookie_goes_to_the_site_and_its_state_to_the_callback() {
    let mut scene = Scene::start(&[]).await;
    scene.hub.add_user("zoe");
    let (_, to_hub) = scene.get("/services/docs/login?next=/docs/x", &[]).await;
    let state = to_hub[SET_COOKIE].to_str().unwrap();
    assert!(state.contains("Path=/services/docs/;"), "{state}");
    scene.hub.log_in(Some("zoe"));
    let (_, back) = scene.get(&location(&to_hub), &[]).await;
    let (_, end) = scene.get(&location(&back), &[]).await;
    assert_eq!(location(&end), "/docs/x");
    let cookies: Vec<_> = end
        .get_all(SET_COOKIE)
        .iter()
        .map(|cookie| cookie.to_str().unwrap())
        .collect();
    let token = cookies
        .iter()
        .find(|cookie| cookie.starts_with("service-docs="));
    assert!(token.unwrap().contains("Path=/docs/"), "{cookies:?}");
    assert!(cookies.iter().all(|cookie| !cookie.starts_with("_xsrf=")));
}

#[tokio::test]
async fn parallel_tabs_all_finish_and_a_logout_forgets() {
    let mut scene = Scene::start(&[]).await;
    scene.hub.add_user("zoe");
    let page = |uri| [("x-original-uri", uri), ("accept", "text/html")];
    let (_, one) = scene.get("/services/docs/login", &page("/docs/one")).await;
    let (_, two) = scene.get("/services/docs/login", &page("/docs/two")).await;
    assert_eq!(scene.log_in("zoe", &one).await, "/docs/one");
    assert_eq!(scene.log_in("zoe", &two).await, "/docs/two");
    assert_eq!(scene.get(CHECK, &page("/docs/one")).await.0, 200);

    let before = scene.hub.calls("GET /user");
    let copy = scene.cookies.clone();
    scene.get("/services/docs/logout", &[]).await;
    assert!(scene.cookies.keys().all(|(name, _)| name != "service-docs"));
    scene.cookies = copy;
    scene.get(CHECK, &page("/docs/one")).await;
    assert_eq!(
        scene.hub.calls("GET /user"),
        before + 1,
        "the hub is asked anew"
    );
}

#[tokio::test]
async fn only_people_pass_unless_services_may() {
    for (args, expected) in [(&[][..], 403), (&["--services"][..], 200)] {
        let mut scene = Scene::start(args).await;
        let robot = r#"{"kind": "service", "name": "robot", "scopes": ["access:services"]}"#;
        let robot = serde_json::from_str(robot).unwrap();
        let token = bearer(&scene.hub.add_token(robot));
        let (status, _) = scene.get(CHECK, &[("authorization", &token)]).await;
        assert_eq!(status, expected, "{args:?}");
    }
}

#[tokio::test]
async fn traefik_and_caddy_get_the_whole_answer() {
    let mut scene = Scene::start(&[]).await;
    let token = scene.hub.add_user("zoe");
    let asked = |method, uri| [("x-forwarded-method", method), ("x-forwarded-uri", uri)];
    assert_eq!(
        scene.get(FORWARD, &[]).await.0,
        403,
        "not asked as they ask"
    );
    let (status, to_hub) = scene.get(FORWARD, &asked("GET", "/docs/a?b")).await;
    assert_eq!(status, 302);
    assert_eq!(scene.get(FORWARD, &asked("POST", "/docs/a")).await.0, 403);
    let script = [
        asked("GET", "/docs/a")[0],
        asked("GET", "/docs/a")[1],
        ("sec-fetch-mode", "cors"),
    ];
    assert_eq!(scene.get(FORWARD, &script).await.0, 401);
    assert_eq!(scene.log_in("zoe", &to_hub).await, "/docs/a?b");
    let (status, headers) = scene.get(FORWARD, &asked("POST", "/docs/a")).await;
    assert_eq!(
        (status, &headers["x-hub-user"]),
        (200, &"zoe".parse().unwrap())
    );

    scene.cookies.clear();
    let value = bearer(&token);
    let with_token = [
        asked("DELETE", "/docs/a")[0],
        asked("DELETE", "/docs/a")[1],
        ("authorization", &value),
    ];
    assert_eq!(scene.get(FORWARD, &with_token).await.0, 200);
}

/// The published bypasses of oauth2-proxy (2025 and 2026), and their neighbours: nothing that a client says lets it pass.
#[tokio::test]
async fn nothing_but_a_login_lets_a_request_pass() {
    let mut scene = Scene::start(&[]).await;
    let outsider = bearer(&scene.hub.add_user_with("mal", &[], &[]));
    for (case, extra) in [
        (
            "CVE-2025-54576, the query",
            vec![("x-original-uri", "/docs/secret?x=/docs/public/health")],
        ),
        (
            "CVE-2026-34457, a health check",
            vec![("user-agent", "GoogleHC/1.0")],
        ),
        (
            "CVE-2026-34457, another one",
            vec![("user-agent", "kube-probe/1.30")],
        ),
        (
            "GHSA-pxq7-h93f-9jrg, a fragment",
            vec![("x-original-uri", "/docs/secret#/docs/public")],
        ),
        (
            "CVE-2026-40575, the URL of another web server",
            vec![
                ("x-forwarded-uri", "/services/docs/health"),
                ("x-forwarded-method", "GET"),
            ],
        ),
        (
            "CVE-2026-76835, from a trusted address",
            vec![
                ("x-forwarded-uri", "/services/docs/health"),
                ("x-forwarded-for", "127.0.0.1"),
                ("x-real-ip", "127.0.0.1"),
            ],
        ),
        (
            "a preflight",
            vec![
                ("x-original-method", "OPTIONS"),
                ("origin", "http://site.test"),
                ("access-control-request-method", "GET"),
            ],
        ),
        ("a method that reads", vec![("x-original-method", "HEAD")]),
        ("an odd method", vec![("x-original-method", "PROPFIND")]),
        (
            "another method on the way",
            vec![("x-http-method-override", "OPTIONS")],
        ),
        (
            "the service's own pages",
            vec![("x-original-uri", "/services/docs/health")],
        ),
        (
            "encoded dots",
            vec![("x-original-uri", "/docs/%2e%2e/services/docs/style.css")],
        ),
        (
            "a token in the URL",
            vec![
                ("x-original-uri", "/docs/?token=x"),
                ("sec-fetch-mode", "websocket"),
            ],
        ),
        (
            "a cookie of ours that we did not make",
            vec![(
                "cookie",
                "service-docs=AAAA; _xsrf=1; jupyterhub-session-id=x",
            )],
        ),
        (
            "basic authentication",
            vec![("authorization", "Basic cm9vdDpyb290")],
        ),
        ("an empty token", vec![("authorization", "token ")]),
        (
            "the host",
            vec![
                ("x-forwarded-host", "localhost"),
                ("x-forwarded-proto", "https"),
            ],
        ),
    ] {
        for path in [CHECK, FORWARD] {
            let mut headers = vec![("accept", "*/*")];
            headers.extend(extra.iter().copied());
            if path == FORWARD && !extra.iter().any(|(name, _)| *name == "x-forwarded-uri") {
                headers.extend([
                    ("x-forwarded-method", "GET"),
                    ("x-forwarded-uri", "/docs/secret"),
                ]);
            }
            let (status, found) = scene.get(path, &headers).await;
            assert!(
                [302, 401, 403].contains(&status),
                "{case} at {path}: {status}"
            );
            assert!(
                found
                    .keys()
                    .all(|name| !name.as_str().starts_with("x-hub-")),
                "{case}: {found:?}"
            );
            // Known to the hub, but without access to this service.
            if !headers.iter().any(|(name, _)| *name == "authorization") {
                headers.push(("authorization", &outsider));
                let (status, _) = scene.get(path, &headers).await;
                assert_eq!(
                    status, 403,
                    "{case} at {path}, for somebody who may not enter"
                );
            }
        }
    }
}

#[tokio::test]
async fn headers_that_name_visitors_cannot_be_forged() {
    let mut scene = Scene::start(&["--header-prefix=Remote-"]).await;
    let token = bearer(&scene.hub.add_user("zoe"));
    let (status, headers) = scene.get(CHECK, &[("authorization", &token)]).await;
    assert_eq!(
        (status, headers["remote-user"].to_str().unwrap()),
        (200, "zoe")
    );
    assert_eq!(headers["remote-groups"], "", "also what is empty is said");
    // CVE-2025-64484: applications cannot tell an underscore from a hyphen.
    for name in [
        "Remote-User",
        "remote_user",
        "REMOTE_GROUPS",
        "Remote-Email",
        "remote.user",
    ] {
        for path in [CHECK, FORWARD] {
            let headers = [
                ("authorization", token.as_str()),
                (name, "root"),
                ("x-forwarded-method", "GET"),
                ("x-forwarded-uri", "/docs/"),
            ];
            assert_eq!(scene.get(path, &headers).await.0, 403, "{name} at {path}");
        }
    }
    let twice = [
        ("authorization", token.as_str()),
        ("x-forwarded-uri", "/docs/"),
        ("x-forwarded-uri", "/docs/"),
        ("x-forwarded-method", "GET"),
    ];
    assert_eq!(scene.get(FORWARD, &twice).await.0, 403);
}

#[tokio::test]
async fn a_login_ends_in_the_site() {
    let mut scene = Scene::start(&[]).await;
    scene.hub.add_user("zoe");
    for wanted in [
        "//evil.example/",
        "https://evil.example/docs/",
        "/\\evil.example",
        "/docs/../hub/logout",
        "/elsewhere/",
        "javascript:alert(1)",
        "/services/docs/logout",
    ] {
        let (status, to_hub) = scene
            .get("/services/docs/login", &[("x-original-uri", wanted)])
            .await;
        assert_eq!(status, 302);
        assert_eq!(scene.log_in("zoe", &to_hub).await, "/docs/", "{wanted}");
        let encoded: String = url::form_urlencoded::byte_serialize(wanted.as_bytes()).collect();
        let path = format!("/services/docs/login?next={encoded}");
        let (_, to_hub) = scene.get(&path, &[]).await;
        assert_eq!(scene.log_in("zoe", &to_hub).await, "/docs/", "{wanted}");
    }
}

#[tokio::test]
async fn rules_of_the_site_and_of_its_parts_only_narrow() {
    let mut scene = Scene::start(&["--group=crew", "--user=book"]).await;
    let token = |hub: &FakeHub, name, groups: &[&str], scopes: &[&str]| {
        bearer(&hub.add_user_with(name, groups, scopes))
    };
    let zoe = token(&scene.hub, "zoe", &["crew"], &["access:services"]);
    let book = token(&scene.hub, "book", &[], &["access:services"]);
    let mal = token(&scene.hub, "mal", &["crew"], &[]);
    let saffron = token(&scene.hub, "saffron", &[], &["access:services"]);
    for (path, who, expected) in [
        (CHECK.to_owned(), &zoe, 200),
        (CHECK.to_owned(), &book, 200),
        (CHECK.to_owned(), &mal, 403),
        (CHECK.to_owned(), &saffron, 403),
        (format!("{CHECK}?group=crew"), &zoe, 200),
        (format!("{CHECK}?group=crew"), &book, 403),
        (format!("{CHECK}?user=saffron"), &saffron, 403),
        (format!("{CHECK}?admin=true"), &zoe, 403),
        (format!("{CHECK}?grup=crew"), &zoe, 403),
    ] {
        let (status, _) = scene.get(&path, &[("authorization", who)]).await;
        assert_eq!(status, expected, "{path} {who}");
    }
}

#[tokio::test]
async fn other_sites_cannot_use_a_visitor_s_login() {
    let mut scene = Scene::start(&[]).await;
    scene.hub.add_user("zoe");
    let (_, to_hub) = scene.get("/services/docs/login", &[]).await;
    scene.log_in("zoe", &to_hub).await;
    for (headers, passes) in [
        (
            vec![
                ("x-original-method", "POST"),
                ("origin", "http://site.test"),
            ],
            true,
        ),
        (
            vec![
                ("x-original-method", "POST"),
                ("origin", "http://evil.example"),
            ],
            false,
        ),
        // A web server that does not tell the method does not open this either.
        (vec![("origin", "http://evil.example")], false),
        (vec![("origin", "null")], false),
        (
            vec![
                ("sec-fetch-site", "same-site"),
                ("sec-fetch-mode", "no-cors"),
            ],
            false,
        ),
        (
            vec![
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-mode", "navigate"),
            ],
            true,
        ),
        (
            vec![
                ("sec-fetch-mode", "websocket"),
                ("origin", "http://site.test"),
            ],
            true,
        ),
        (
            vec![
                ("sec-fetch-mode", "websocket"),
                ("origin", "http://evil.example"),
            ],
            false,
        ),
    ] {
        let (status, _) = scene.get(CHECK, &headers).await;
        assert_eq!(status == 200, passes, "{headers:?}: {status}");
    }
}

#[tokio::test]
async fn a_hub_that_is_away_lets_nobody_new_pass() {
    let mut scene = Scene::start(&[]).await;
    let zoe = bearer(&scene.hub.add_user("zoe"));
    let mal = bearer(&scene.hub.add_user("mal"));
    assert_eq!(scene.get(CHECK, &[("authorization", &zoe)]).await.0, 200);
    scene.hub.set_mood(Mood::Status(500));
    assert_eq!(scene.get(CHECK, &[("authorization", &mal)]).await.0, 502);
    assert_eq!(
        scene.get(CHECK, &[("authorization", &zoe)]).await.0,
        200,
        "who is known passes"
    );
}
