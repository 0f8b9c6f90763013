//! Share codes: making, listing and taking back; the page that accepts them.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use url::Url;

use super::sharing::{SHARER, accept, can_enter, code, hub, look};
use crate::harness::Hub;

async fn caller(hub: &Hub, scopes: &str) -> String {
    let scopes: Vec<&str> = scopes.split(',').collect();
    hub.token("admin", &scopes).await
}

#[tokio::test]
async fn a_code_on_the_wire() {
    let hub = Hub::start().await;
    let token = caller(&hub, SHARER).await;
    let (model, code) = code(&hub, &token, "alice/", &[]).await;
    assert_eq!(code.len(), 43);
    assert!(
        code.bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)),
        "{code}"
    );
    assert_eq!(
        model,
        json!({
            "server": {
                "user": {"name": "alice"}, "name": "", "url": "/user/alice/", "full_url": null, "ready": false,
            },
            "scopes": ["access:servers!server=alice/"],
            "id": "sc_1",
            "created_at": "2026-11-22T03:30:07.624000Z",
            "expires_at": "2026-11-23T03:30:07.624000Z",
            "exchange_count": 0,
            "last_exchanged_at": null,
            "code": code,
            "accept_url": format!("/hub/accept-share?code={code}"),
            "full_accept_url": null,
        })
    );
    // Once only.
    let list = hub
        .call(&token, "GET", "/hub/api/share-codes/alice")
        .send()
        .await;
    let list = list.expect(200);
    assert!(
        !list.body.contains(&code) && !list.body.contains("\"code\""),
        "{list:?}"
    );
    assert_eq!(list.json()["items"][0]["id"], "sc_1");
    assert_eq!(list.json()["_pagination"]["total"], 1);
}

#[tokio::test]
async fn who_may_make_codes() {
    for (held, scopes, expected) in [
        (SHARER, &[][..], Ok(&["access:servers!server=alice/"][..])),
        ("shares", &[], Ok(&["access:servers!server=alice/"])),
        ("shares!user=bob", &[], Err(404)),
        ("read:shares", &[], Err(403)),
        (
            "shares!server=alice/,servers!server=alice/",
            &["read:servers!server=alice/", "access:servers!server=alice/"],
            Ok(&["access:servers!server=alice/", "read:servers!server=alice/"]),
        ),
        (SHARER, &["read:servers!server=other/"], Err(400)),
        (SHARER, &["nope"], Err(400)),
        (
            "shares,access:servers",
            &["admin:servers!server=alice/"],
            Err(403),
        ),
    ] {
        let hub = Hub::start().await;
        let token = caller(&hub, held).await;
        let call = hub.call(&token, "POST", "/hub/api/share-codes/alice/");
        let reply = call.json(&json!({"scopes": scopes})).send().await;
        match expected {
            Ok(scopes) => assert_eq!(reply.expect(200).json()["scopes"], json!(scopes), "{held}"),
            Err(status) => drop(reply.expect(status)),
        }
    }
}

#[tokio::test]
async fn lives_of_codes() {
    let hub = Hub::start().await;
    let token = caller(&hub, SHARER).await;
    for (asked, seconds) in [
        (None, Some(86_400)),
        (Some(json!(60)), Some(60)),
        (Some(json!("120")), Some(120)),
        (Some(json!(31_536_000)), Some(31_536_000)),
        (Some(json!(31_536_001)), None),
        (Some(json!(59)), None),
        (Some(json!(0)), None),
        (Some(json!(-1)), None),
        (Some(json!(null)), None),
        (Some(json!(true)), None),
        (Some(json!(1e30)), None),
        (Some(json!("notanumber")), None),
    ] {
        let body = asked.map_or(json!({}), |asked| json!({"expires_in": asked}));
        let call = hub.call(&token, "POST", "/hub/api/share-codes/alice/");
        let reply = call.json(&body).send().await;
        let Some(seconds) = seconds else {
            reply.expect(400);
            continue;
        };
        let model = reply.expect(200).json();
        let expires: DateTime<Utc> = model["expires_at"].as_str().unwrap().parse().unwrap();
        let created: DateTime<Utc> = model["created_at"].as_str().unwrap().parse().unwrap();
        assert_eq!(expires - created, TimeDelta::seconds(seconds), "{body}");
    }
}

#[tokio::test]
async fn lists_of_codes_and_who_may_read_them() {
    let hub = Hub::start().await;
    let admin = hub.token("admin", &["inherit"]).await;
    let call = hub.call(&admin, "PUT", "/hub/api/users/alice/servers/gpu");
    call.text("{}").send().await.expect(201);
    for at in ["alice/", "alice/", "alice/gpu", "bob/"] {
        code(&hub, &admin, at, &[]).await;
    }
    for (held, path, expected) in [
        ("shares", "alice", Ok(3)),
        ("read:shares!user=alice", "alice", Ok(3)),
        ("read:shares", "alice/", Ok(2)),
        ("read:shares!server=alice/", "alice/", Ok(2)),
        ("read:shares!server=alice/", "alice", Err(404)),
        ("read:shares!server=alice/", "alice/gpu", Err(404)),
        ("read:shares", "alice/gpu", Ok(1)),
        ("read:users:shares", "alice", Err(403)),
        ("users:shares", "alice/", Err(403)),
        ("read:shares", "nobody", Err(404)),
        ("read:shares", "nobody/", Err(404)),
        ("read:shares", "alice/nope", Err(404)),
    ] {
        let token = caller(&hub, held).await;
        let path = format!("/hub/api/share-codes/{path}");
        let reply = hub.call(&token, "GET", &path).send().await;
        match expected {
            Ok(count) => {
                let list = reply.expect(200).json();
                assert_eq!(
                    list["items"].as_array().unwrap().len(),
                    count,
                    "{held} {path}"
                );
            }
            Err(status) => drop(reply.expect(status)),
        }
    }
}

#[tokio::test]
async fn codes_are_taken_back_by_code_by_id_or_all() {
    for (held, by, expected) in [
        (SHARER, "", Ok(0)),
        ("shares", "?id=ID", Ok(1)),
        ("shares!server=alice/", "?code=CODE", Ok(1)),
        (
            "shares!user=bob",
            "",
            Err((404, "No access to resources or resources not found")),
        ),
        (
            "read:shares",
            "?code=CODE",
            Err((
                403,
                "Action is not authorized with current scopes; requires any of [shares]",
            )),
        ),
        (
            "shares",
            "?id=invalid",
            Err((404, "No code found matching id=invalid")),
        ),
        (
            "shares",
            "?id=sc_9999",
            Err((404, "No code found matching id=sc_9999")),
        ),
        (
            "shares",
            "?code=nomatch",
            Err((404, "No matching code found")),
        ),
        // What has no value counts for nothing.
        ("shares", "?code=", Ok(0)),
        ("shares", "?id=", Ok(0)),
        // A code of another server.
        (
            "shares",
            "?code=OTHER",
            Err((404, "No matching code found")),
        ),
        (
            "shares",
            "?id=sc_3",
            Err((404, "No code found matching id=sc_3")),
        ),
    ] {
        let hub = Hub::start().await;
        let admin = hub.token("admin", &["inherit"]).await;
        let (model, first) = code(&hub, &admin, "alice/", &[]).await;
        code(&hub, &admin, "alice/", &[]).await;
        let (_, other) = code(&hub, &admin, "bob/", &[]).await;
        let token = caller(&hub, held).await;
        let by = by.replace("CODE", &first).replace("OTHER", &other);
        let by = by.replace("ID", model["id"].as_str().unwrap());
        let path = format!("/hub/api/share-codes/alice/{by}");
        let reply = hub.call(&token, "DELETE", &path).send().await;
        let left = match expected {
            Ok(left) => {
                reply.expect(204);
                left
            }
            Err((status, text)) => {
                assert_eq!(
                    reply.error(),
                    (status, Some(text.to_owned())),
                    "{held} {by}"
                );
                2
            }
        };
        let list = hub
            .call(&admin, "GET", "/hub/api/share-codes/alice/")
            .send()
            .await;
        assert_eq!(
            list.expect(200).json()["_pagination"]["total"],
            left,
            "{held} {by}"
        );
        let list = hub
            .call(&admin, "GET", "/hub/api/share-codes/bob/")
            .send()
            .await;
        assert_eq!(list.expect(200).json()["_pagination"]["total"], 1);
    }
}

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
