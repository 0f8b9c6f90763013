//! The page that accepts a share code, and who would like to misuse it.

use serde_json::{Value, json};
use url::Url;

use super::sharing::{accept, can_enter, code, hub, look};
use crate::harness::Hub;

#[tokio::test]
async fn the_page_of_a_code() {
    let hub = hub().await;
    let alice = hub.token("alice", &["inherit"]).await;
    let (_, code) = code(&hub, &alice, "alice/", &["access:servers", "read:servers"]).await;
    let bob = hub.log_in("bob").await;
    let owner = hub.log_in("alice").await;
    // A stranger logs in first, and comes back.
    let stranger = hub.request("GET", &format!("/hub/accept-share?code={code}"));
    let stranger = stranger.send().await.expect(302);
    let back = format!("/hub/login?next=%2Fhub%2Faccept-share%3Fcode%3D{code}");
    assert_eq!(stranger.header("location"), back);

    let page = look(&hub, &bob, &code).await.expect(200);
    for part in [
        "alice shares a server with you",
        "href=\"/user/alice/\"",
        "Access user servers through the browser or the API.",
        "access:servers!server=alice/",
        "read:servers!server=alice/",
        "not currently running",
    ] {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }
    assert_eq!(page.header("cache-control"), "no-store");
    for (browser, code, get, post) in [
        (
            &bob,
            "",
            (404, "Share not found or expired"),
            (400, "Invalid share code: "),
        ),
        (
            &bob,
            "nosuchcode",
            (404, "Share not found or expired"),
            (400, "Invalid share code: nosuchcode"),
        ),
        (
            &owner,
            code.as_str(),
            (403, "You can&#39;t share with yourself!"),
            (400, "You can&#39;t share with yourself!"),
        ),
    ] {
        let reply = look(&hub, browser, code).await.expect(get.0);
        assert!(reply.body.contains(get.1), "{}", reply.body);
        let reply = accept(&hub, browser, code).await.expect(post.0);
        assert!(reply.body.contains(post.1), "{}", reply.body);
    }
    let without = hub.request("GET", "/hub/accept-share").browser(&bob);
    without.send().await.expect(400);
    let form = [("_xsrf", bob.xsrf.as_str())];
    let without = hub.request("POST", "/hub/accept-share").browser(&bob);
    without.form(&form).send().await.expect(400);
    let count = async || {
        let list = hub
            .call(&alice, "GET", "/hub/api/share-codes/alice/")
            .send()
            .await;
        list.expect(200).json()["items"][0]["exchange_count"].clone()
    };
    assert_eq!(count().await, 0);

    let accepted = accept(&hub, &bob, &code).await.expect(302);
    assert_eq!(accepted.header("location"), "/user/alice/");
    assert_eq!(count().await, 1);
    let token = hub.token("bob", &["inherit"]).await;
    assert!(can_enter(&hub, &token, "alice/").await);
    let list = hub
        .call(&token, "GET", "/hub/api/users/bob/shared")
        .send()
        .await;
    let list: Value = list.expect(200).json();
    assert_eq!(
        list["items"][0]["scopes"],
        json!(["access:servers!server=alice/", "read:servers!server=alice/"])
    );
}

#[tokio::test]
async fn a_running_server_is_not_said_to_be_down() {
    let hub = hub().await;
    let alice = hub.token("alice", &["inherit"]).await;
    let start = hub.call(&alice, "POST", "/hub/api/users/alice/server");
    start.text("{}").send().await.expect(201);
    let (_, code) = code(&hub, &alice, "alice/", &[]).await;
    let bob = hub.log_in("bob").await;
    let page = look(&hub, &bob, &code).await.expect(200);
    assert!(
        !page.body.contains("not currently running"),
        "{}",
        page.body
    );
}

/// Where the page says one goes, and where one goes.
async fn next_of(hub: &Hub, code: &str, next: &str) -> (String, String) {
    let bob = hub.log_in("bob").await;
    let query: String = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("code", code)
        .append_pair("next", next)
        .finish();
    let path = format!("/hub/accept-share?{query}");
    let page = hub
        .request("GET", &path)
        .browser(&bob)
        .send()
        .await
        .expect(200);
    let (_, rest) = page
        .body
        .split_once("You will be sent to <a href=\"")
        .unwrap();
    let shown = rest
        .split('"')
        .next()
        .unwrap()
        .replace("&amp;", "&")
        .replace("&#39;", "'");
    let form = [("_xsrf", bob.xsrf.as_str()), ("code", code)];
    let call = hub.request("POST", &path).browser(&bob).form(&form);
    let location = call.send().await.expect(302).header("location").to_owned();
    (shown, location)
}

#[tokio::test]
async fn case_21_next_stays_on_this_host() {
    let hub = hub().await;
    let alice = hub.token("alice", &["inherit"]).await;
    let (_, code) = code(&hub, &alice, "alice/", &[]).await;
    let lab = "/user/alice/lab/tree/notebook.ipynb?param=5";
    for (next, expected) in [
        ("", "/user/alice/"),
        (lab, lab),
        ("/hub/home", "/hub/home"),
        ("https://example.com/user/alice/", "/user/alice/"),
        ("//example.com", "/user/alice/"),
        ("javascript:alert(1)", "/user/alice/"),
        ("user/alice", "/user/alice/"),
    ] {
        let (shown, location) = next_of(&hub, &code, next).await;
        assert_eq!(
            (shown.as_str(), location.as_str()),
            (expected, expected),
            "{next:?}"
        );
    }
    let here = Url::parse("http://hub.example/hub/accept-share").unwrap();
    for next in [
        "/\\example.com",
        "\\\\example.com",
        "/\t/example.com",
        "\n//example.com",
        "///example.com",
        "/%09/example.com",
        "http:/\\example.com",
        "http:example.com",
        "/\u{2028}/example.com",
        "//example.com@hub.example",
        "http://hub.example@example.com",
        "data:text/html,x",
        "/user/alice/\r\nset-cookie: x=y",
    ] {
        let (shown, location) = next_of(&hub, &code, next).await;
        for url in [&shown, &location] {
            let landed = here.join(url).unwrap();
            assert_eq!(landed.host_str(), Some("hub.example"), "{next:?} -> {url}");
            assert_eq!(landed.scheme(), "http");
        }
    }
}

#[tokio::test]
async fn case_23_texts_of_the_page_stay_texts() {
    let hub = hub().await;
    let admin = hub.token("admin", &["inherit"]).await;
    let name = "x'\"><img src=y onerror=alert(1)>&amp;";
    let body = json!({"usernames": [name]});
    hub.call(&admin, "POST", "/hub/api/users")
        .json(&body)
        .send()
        .await
        .expect(201);
    let escaped = hub_types::names::escape(name);
    let (_, code) = code(&hub, &admin, &format!("{escaped}/"), &[]).await;
    let bob = hub.log_in("bob").await;
    let next = "/user/x'\"><img src=z><script>alert(1)</script>{{7*7}}";
    for next in [next, "javascript:alert(1)//'><img src=z>"] {
        let query: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("code", &code)
            .append_pair("next", next)
            .finish();
        let path = format!("/hub/accept-share?{query}");
        let page = hub
            .request("GET", &path)
            .browser(&bob)
            .send()
            .await
            .expect(200);
        for bad in [
            "<img src=y",
            "<img src=z",
            "<script>alert",
            "javascript:",
            ">49<",
        ] {
            assert!(!page.body.contains(bad), "{bad}: {}", page.body);
        }
        // Shown as it is called, linked as it is escaped.
        assert!(
            page.body
                .contains("x&#39;&#34;&gt;&lt;img src=y onerror=alert(1)&gt;&amp;amp;")
        );
        assert!(
            page.body.contains(&format!("href=\"/user/{escaped}/\"")),
            "{}",
            page.body
        );
    }
    // So does an error that shows what was sent.
    let reply = accept(&hub, &bob, "'><img src=q>").await.expect(400);
    assert!(!reply.body.contains("<img src=q"));
    assert!(reply.body.contains("&#39;&gt;&lt;img src=q&gt;"));
}

#[tokio::test]
async fn cases_35_and_36_no_other_site_accepts_for_somebody() {
    let hub = hub().await;
    let alice = hub.token("alice", &["inherit"]).await;
    let (_, code) = code(&hub, &alice, "alice/", &[]).await;
    let bob = hub.log_in("bob").await;
    let zoe = hub.log_in("admin").await;
    let path = format!("/hub/accept-share?code={code}");
    for (xsrf, mode) in [
        (None, None),
        (None, Some("no-cors")),
        (None, Some("navigate")),
        (None, Some("websocket")),
        (Some("forged"), None),
        (Some(zoe.xsrf.as_str()), None),
    ] {
        let mut form = vec![("code", code.as_str())];
        form.extend(xsrf.map(|xsrf| ("_xsrf", xsrf)));
        let mut call = hub.request("POST", &path).browser(&bob).form(&form);
        if let Some(mode) = mode {
            call = call
                .header("sec-fetch-mode", mode)
                .header("sec-fetch-site", "cross-site");
        }
        call.send().await.expect(403);
    }
    // A page of this host that was open for too long comes back with a fresh token, and nothing done.
    let form = [("_xsrf", zoe.xsrf.as_str()), ("code", code.as_str())];
    let call = hub.request("POST", &path).browser(&bob).form(&form);
    let call = call.header("sec-fetch-site", "same-origin");
    let again = call.header("sec-fetch-mode", "navigate").send().await;
    let again = again.expect(403);
    assert!(again.body.contains("open for too long"), "{}", again.body);
    assert!(again.body.contains(&format!("value=\"{}\"", bob.xsrf)));
    // Nobody is nobody, whatever form they send; and a token is no browser.
    let form = [("_xsrf", bob.xsrf.as_str()), ("code", code.as_str())];
    hub.request("POST", &path)
        .form(&form)
        .send()
        .await
        .expect(403);
    let token = hub.token("bob", &["inherit"]).await;
    hub.call(&token, "POST", &path)
        .form(&form)
        .send()
        .await
        .expect(403);
    let list = hub
        .call(&token, "GET", "/hub/api/users/bob/shared")
        .send()
        .await;
    assert_eq!(list.expect(200).json()["_pagination"]["total"], 0);
}
