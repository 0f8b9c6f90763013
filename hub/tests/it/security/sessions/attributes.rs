//! Cases 31-33: what cookies say of themselves, and what others can do with theirs.

use super::*;

/// Where a cookie goes, by RFC 6265 section 5.1.4.
fn goes_to(cookie_path: &str, path: &str) -> bool {
    path.strip_prefix(cookie_path)
        .is_some_and(|rest| cookie_path.ends_with('/') || rest.is_empty() || rest.starts_with('/'))
}

fn attribute<'a>(cookie: &'a str, name: &str) -> Option<&'a str> {
    cookie.split("; ").skip(1).find_map(|part| {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        (key == name).then_some(value)
    })
}

/// Every `Set-Cookie` of a login, a page, and a logout.
async fn all_cookies(hub: &Hub, https: bool) -> Vec<(String, String)> {
    let proto = if https { "https" } else { "http" };
    let page = hub
        .request("GET", "/hub/login")
        .header("x-forwarded-proto", proto)
        .send()
        .await
        .expect(200);
    let xsrf = page.cookie("_xsrf").unwrap();
    let login = hub
        .request("POST", "/hub/login")
        .header("x-forwarded-proto", proto)
        .header("cookie", &format!("_xsrf={xsrf}"))
        .form(&[
            ("_xsrf", &xsrf),
            ("username", "alice"),
            ("password", PASSWORD),
        ])
        .send()
        .await
        .expect(302);
    let held: Vec<String> = login
        .set_cookies()
        .iter()
        .filter(|(name, _)| name != "jupyterhub-services")
        .map(|(name, rest)| format!("{name}={}", rest.split(';').next().unwrap()))
        .collect();
    let logout = hub
        .request("GET", "/hub/logout")
        .header("x-forwarded-proto", proto)
        .header("cookie", &held.join("; "))
        .send()
        .await
        .expect(302);
    assert_eq!(
        logout.set_cookies().len(),
        login.set_cookies().len(),
        "all that were set but the one that names the browser, and the old one for services"
    );
    assert!(logout.cookie("jupyterhub-known-browser").is_none());
    [page, login, logout]
        .iter()
        .flat_map(Reply::set_cookies)
        .collect()
}

#[tokio::test]
async fn case_31_cookie_attributes() {
    for (https, host_prefix) in [(false, false), (true, false), (true, true)] {
        let hub = Watched::with(|config| {
            config.jupyterhub.cookie_host_prefix_enabled = host_prefix;
            config.jupyterhub.services[1].cookie_auth = true;
        })
        .await;
        let cookies = all_cookies(&hub, https).await;
        let login = if host_prefix {
            "__Host-jupyterhub-hub-login"
        } else {
            "jupyterhub-hub-login"
        };
        for name in [
            login,
            "jupyterhub-session-id",
            "_xsrf",
            "jupyterhub-services",
            "jupyterhub-known-browser",
        ] {
            assert!(
                cookies.iter().any(|(key, _)| key == name),
                "{name}: {cookies:?}"
            );
        }
        for (name, rest) in &cookies {
            let has = |attribute_name: &str| attribute(rest, attribute_name).is_some();
            assert_eq!(attribute(rest, "SameSite"), Some("Lax"), "{name}={rest}");
            assert_eq!(has("HttpOnly"), name != "_xsrf", "{name}={rest}");
            assert_eq!(has("Secure"), https, "{name}={rest}");
            assert!(!has("Domain"), "{name}={rest}");
            let path = attribute(rest, "Path").unwrap();
            match name.as_str() {
                "jupyterhub-session-id" => assert_eq!(path, "/"),
                "jupyterhub-services" => {
                    assert!(["/services", "/services/whoami/"].contains(&path), "{path}");
                }
                "jupyterhub-known-browser" => assert_eq!(path, "/hub/login"),
                name if name.starts_with("__Host-") => assert_eq!(path, "/"),
                _ => assert_eq!(path, "/hub/", "{name}"),
            }
        }
        // Browser and server agree on how long a login lasts.
        let (_, login) = cookies.iter().find(|(name, _)| name == login).unwrap();
        assert_eq!(attribute(login, "Max-Age"), Some("1209600"));
    }
}

#[tokio::test]
async fn case_31_host_prefix_mode() {
    let hub = Watched::with(|config| config.jupyterhub.cookie_host_prefix_enabled = true).await;
    let reply = send_login_form(&hub, "x=y", "", "alice", PASSWORD)
        .await
        .expect(302);
    let value = reply.cookie("__Host-jupyterhub-hub-login").unwrap();
    assert!(is_logged_in(&hub, &format!("__Host-jupyterhub-hub-login={value}")).await);
    // Under the name that anybody on the domain can set it does not count, nor before the real one.
    assert!(!is_logged_in(&hub, &format!("jupyterhub-hub-login={value}")).await);
    let bob = hub.log_in("bob").await;
    let tossed = format!(
        "jupyterhub-hub-login={}; __Host-jupyterhub-hub-login={value}",
        bob.login
    );
    let who = hub
        .request("GET", "/hub/api/user")
        .header("cookie", &tossed)
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(who["name"], "alice");
    let path = format!(
        "/hub/api/authorizations/cookie/__Host-jupyterhub-hub-login/{}",
        value.replace('|', "%7C")
    );
    let found = hub
        .call(crate::harness::CULLER_TOKEN, "GET", &path)
        .send()
        .await
        .expect(200)
        .json();
    assert_eq!(found["name"], "alice");
    let cookies = format!("__Host-jupyterhub-hub-login={value}");
    hub.request("GET", "/hub/logout")
        .header("cookie", &cookies)
        .send()
        .await
        .expect(302);
    assert!(!is_logged_in(&hub, &cookies).await);
}

#[tokio::test]
async fn case_32_cookie_tossing() {
    let hub = Watched::start().await;
    let browser = hub.log_in("alice").await;
    let junk = "jupyterhub-hub-login=1|1|x|y; _xsrf=junk; jupyterhub-session-id=planted";
    // Signed once, but dead: a user's own server can set as many as a browser keeps.
    let mut dead = Vec::new();
    for _ in 0..60 {
        let mallory = hub.log_in("bob").await;
        hub.state.login.end(&mallory.session_id).await.unwrap();
        dead.push(format!(
            "jupyterhub-hub-login={}; _xsrf={}",
            mallory.login, mallory.xsrf
        ));
    }
    let dead = dead.join("; ");
    let many: String = (0..200).map(|n| format!("c{n}=x; ")).collect();
    for cookies in [
        format!("{junk}; {}", browser.cookies),
        format!("{}; {junk}", browser.cookies),
        format!("{dead}; {}", browser.cookies),
        format!("{}; {dead}", browser.cookies),
        format!("{many}{}", browser.cookies),
        format!("jupyterhub-hub-login; =; ;; a; {}", browser.cookies),
    ] {
        let who = hub
            .request("GET", "/hub/api/user")
            .header("cookie", &cookies)
            .send()
            .await
            .expect(200)
            .json();
        assert_eq!(who["name"], "alice");
        // What the page's own token allows, it still allows.
        let call = hub
            .request("POST", "/hub/api/users/alice/tokens")
            .header("cookie", &cookies);
        let call = call.header("x-xsrftoken", &browser.xsrf).json(&json!({}));
        call.send().await.expect(201);
    }
    // Tossed at somebody who is not logged in yet: the login still works.
    for tossed in [junk.to_owned(), dead] {
        let before = format!("{tossed}; {many}");
        let reply = send_login_form(&hub, before.trim_end_matches("; "), "", "alice", PASSWORD)
            .await
            .expect(302);
        let login = reply.cookie("jupyterhub-hub-login").unwrap();
        assert!(is_logged_in(&hub, &format!("{before}jupyterhub-hub-login={login}")).await);
    }
    hub.is_well().await;
}

#[tokio::test]
async fn case_33_user_servers_do_not_get_the_hubs_cookies() {
    let hub = Watched::with(|config| config.jupyterhub.services[1].cookie_auth = true).await;
    let cookies = all_cookies(&hub, false).await;
    for (name, rest) in &cookies {
        let path = attribute(rest, "Path").unwrap();
        let elsewhere = [
            "/user/alice/",
            "/user/alice/lab",
            "/services/other/",
            "/",
            "/hubx",
        ];
        let leaks: Vec<_> = elsewhere.iter().filter(|url| goes_to(path, url)).collect();
        let expected = match name.as_str() {
            // A plain id, no credential: servers and services tell by it that somebody has logged out.
            "jupyterhub-session-id" => elsewhere.len(),
            // The one that is only ever cleared.
            "jupyterhub-services" if path == "/services" => 1,
            _ => 0,
        };
        assert_eq!(leaks.len(), expected, "{name} goes to {leaks:?}");
        assert!(
            name != "jupyterhub-services" || path != "/services" || rest.starts_with(';'),
            "{rest}"
        );
    }
    let id = cookies
        .iter()
        .find(|(name, _)| name == "jupyterhub-session-id")
        .unwrap();
    let id = id.1.split(';').next().unwrap();
    let before = database(&hub).await;
    for path in [
        "/hub/api/user",
        "/hub/api/authorizations/cookie/jupyterhub-session-id/x",
    ] {
        let call = hub
            .request("GET", path)
            .header("cookie", &format!("jupyterhub-session-id={id}"));
        call.header("authorization", &format!("token {id}"))
            .send()
            .await
            .expect(403);
    }
    assert_eq!(database(&hub).await, before);
    hub.is_well().await;
}
