//! A server of one user in the hands of another: the real single-user server, the whole OAuth detour, a real browser.

use std::time::Duration;

use e2e::{Browser, Reply, Stack, Visitor, eventually};
use fantoccini::key::Key;
use reqwest::Method;
use serde_json::{Value, json};

use crate::spec;

const WAIT: Duration = Duration::from_secs(60);

/// Users may share their servers; servers ask the hub again after a second who their visitors are.
const SHARING: &str = r#"
    [[JupyterHub.load_roles]]
    name = "user"
    scopes = ["self", "shares!user", "read:users:name"]

    [Spawner]
    args = ["--allow-root", "--HubOAuth.cache_max_age=1"]
"#;

const FILE: &str = "user/mal/files/hello.txt";

/// Mal's server runs, with a file in it; mal and zoe are there.
async fn stack() -> Stack {
    let stack = Stack::builder()
        .config(spec::LEAN_SERVER)
        .config(SHARING)
        .start()
        .await;
    let home = stack.sandbox().home().join("mal");
    std::fs::create_dir_all(&home).expect("a home");
    std::fs::write(home.join("hello.txt"), "hello from mal").expect("a file");
    stack.api().start_server("mal").await;
    stack.api().ensure_user("zoe").await;
    stack
}

/// A call of the hub's API by `token`.
async fn call(stack: &Stack, token: &str, method: Method, path: &str, body: &Value) -> Reply {
    let client = stack.client().token(token);
    let request = client.request(method, &format!("hub/api{path}"));
    client.send(request.json(body)).await
}

/// Where the invitation to mal's server leads: `/hub/accept-share?code=…`.
async fn invitation(stack: &Stack, mal: &str) -> String {
    let reply = call(stack, mal, Method::POST, "/share-codes/mal/", &json!({})).await;
    let model = reply.expect(200).json();
    model["accept_url"].as_str().expect("a path").to_owned()
}

/// What the visitor gets of mal's file, logging in on the way as a browser does.
async fn file(visitor: &mut Visitor) -> Reply {
    visitor.open(FILE).await
}

#[tokio::test]
async fn a_colleague_opens_a_shared_server_until_it_is_taken_back() {
    let stack = stack().await;
    let api = stack.api();
    let (mal, zoe) = (
        api.new_token("mal", &[]).await,
        api.new_token("zoe", &[]).await,
    );
    let mut visitor = stack.visitor();
    visitor.login("zoe", "x").await;
    let contents = async |token: &str| {
        let client = stack.client().token(token);
        client.get("user/mal/api/contents/hello.txt").await
    };

    // Not hers.
    assert_eq!(file(&mut visitor).await.status, 403);
    assert_eq!(contents(&zoe).await.status, 403);

    // Invited: the page, its form, then the server, with the login that comes in between.
    let accept = invitation(&stack, &mal).await;
    let page = visitor.follow(&accept).await.expect(200);
    assert!(page.body.contains("mal"), "{}", page.body);
    let reply = visitor.submit(&page, &accept, &[]).await.expect(302);
    assert_eq!(reply.location(), "/user/mal/");
    let reply = file(&mut visitor).await.expect(200);
    assert_eq!(reply.body, "hello from mal");
    assert!(
        visitor
            .hops
            .iter()
            .any(|hop| hop.ends_with("/api/oauth2/authorize")),
        "{:?}",
        visitor.hops
    );
    // Her tokens work there too: a new one, which the server has not been shown yet.
    let token = api.new_token("zoe", &[]).await;
    assert_eq!(
        contents(&token).await.expect(200).json()["content"],
        "hello from mal"
    );
    // It is mal's server that she sees, and nothing else of his.
    let reply = call(&stack, &zoe, Method::GET, "/users/zoe/shared", &json!({})).await;
    let shared = reply.expect(200).json();
    assert_eq!(shared["items"][0]["server"]["ready"], true, "{shared:#}");
    for path in ["/users/mal/server", "/users/mal/tokens", "/shares/mal"] {
        let reply = call(&stack, &zoe, Method::GET, path, &json!({})).await;
        assert_eq!(reply.status, 404, "{path}: {reply:#?}");
    }

    // Taken back: new tokens and logins at once, what the server remembers as soon as it asks again.
    let body = json!({"user": "zoe"});
    let reply = call(&stack, &mal, Method::PATCH, "/shares/mal/", &body).await;
    assert_eq!(reply.expect(200).json(), json!({}));
    let new = api.new_token("zoe", &[]).await;
    assert_eq!(contents(&new).await.status, 403);
    let mut other_browser = stack.visitor();
    other_browser.login("zoe", "x").await;
    assert_eq!(file(&mut other_browser).await.status, 403);
    eventually(WAIT, "the server has asked again", async || {
        file(&mut visitor.clone()).await.status == 403 && contents(&token).await.status == 403
    })
    .await;
    // The owner is not concerned.
    assert_eq!(contents(&mal).await.status, 200);
}

#[tokio::test]
async fn the_page_of_an_invitation_in_a_browser() {
    let stack = stack().await;
    let mal = stack.api().new_token("mal", &[]).await;
    let accept = invitation(&stack, &mal).await;
    let origin = stack.url().trim_end_matches('/');
    let browser = Browser::start().await;
    let next = "%2Fuser%2Fmal%2Ffiles%2Fhello.txt";

    // From the link to the login and back.
    browser.open(&format!("{origin}{accept}&next={next}")).await;
    browser.at("the login page", |at| at == "/hub/login").await;
    let enter = char::from(Key::Enter);
    browser.type_into("input[name=username]", "zoe").await;
    browser
        .type_into("input[name=password]", &format!("x{enter}"))
        .await;
    browser
        .at("the invitation", |at| at == "/hub/accept-share")
        .await;
    browser.find("#accept-share-form button[type=submit]").await;
    browser.screenshot("accept-share-light").await;
    browser.click("#dark-theme-toggle").await;
    browser.screenshot("accept-share-dark").await;
    browser
        .client()
        .set_window_size(400, 800)
        .await
        .expect("a narrow window");
    browser.screenshot("accept-share-narrow").await;
    let wide = "return document.documentElement.scrollWidth > document.documentElement.clientWidth";
    assert_eq!(
        browser.script(wide).await,
        false,
        "the page scrolls sideways"
    );

    // With the keyboard alone: the button can be reached, and its focus can be seen.
    let tab = char::from(Key::Tab).to_string();
    let focused = "return document.activeElement.innerText.trim()";
    let mut reached = Vec::new();
    while browser.script(focused).await != "Accept" {
        let body = browser.client().active_element().await.expect("an element");
        body.send_keys(&tab).await.expect("a key");
        reached.push(browser.script(focused).await);
        assert!(reached.len() < 20, "{reached:?}");
    }
    let outline = "return getComputedStyle(document.activeElement).outlineStyle";
    assert_ne!(browser.script(outline).await, "none");
    let button = browser.client().active_element().await.expect("the button");
    button.send_keys(&enter.to_string()).await.expect("a key");
    browser
        .at("the question of the hub", |at| {
            at.ends_with("/api/oauth2/authorize")
        })
        .await;
    browser.click("#oauth-form [type=submit]").await;
    browser
        .at("the file", |at| at == "/user/mal/files/hello.txt")
        .await;
    browser.shows("hello from mal").await;
}
