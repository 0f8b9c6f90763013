//! A host for every user and service: through our proxy and the real one, and what one user's host learns of another's.
//! (What a person sees there is in [`crate::browser`].)

use std::time::Duration;

use e2e::{Browser, Stack, eventually, programs};
use fantoccini::key::Key;

use crate::browser::agree;
use crate::spec;

/// Servers that greet whoever has logged in, and say which cookies they got.
fn config() -> String {
    let echo = programs::path("echo-service").display().to_string();
    format!(
        "[Spawner]\ncmd = [{echo:?}, 'login']\nargs = []\n{}{}",
        spec::USERS_MAY_OPEN_SERVICES,
        spec::whoami()
    )
}

/// A login, a server and a service, each on its own host.
async fn everything_is_on_its_host(more: &str) {
    let stack = Stack::builder()
        .base_url("/hub-a/")
        .subdomains()
        .config(&config())
        .config(more)
        .start()
        .await;
    let api = stack.api();
    let model = api.start_server("mal").await;
    let mals = stack.host_url("mal");
    assert_eq!(model["url"], format!("{mals}user/mal/"));
    let routes = api.routes().await;
    for spec in [
        "/",
        "mal.hub.test/hub-a/user/mal/",
        "whoami--service.hub.test/hub-a/services/whoami/",
    ] {
        assert!(routes.get(spec).is_some(), "{spec}: {routes:#}");
    }
    let mut mal = stack.visitor();
    mal.login("mal", "x").await;
    // By way of the hub's host, as old links lead.
    let page = mal.open("user/mal/").await.expect(200);
    let url = page.url.as_str();
    assert!(url.starts_with(&format!("{mals}user/mal/")), "{url}");
    assert_eq!(page.body, "mal");
    let token = api.new_token("mal", &[]).await;
    let client = stack.client().token(&token);
    let direct = client.get(&format!("{mals}user/mal/")).await;
    assert_eq!(direct.expect(200).body, "mal");

    let whoami = stack.host_url("whoami--service");
    eventually(Duration::from_secs(120), "whoami answers", async || {
        let client = stack.client();
        client
            .get(&format!("{whoami}services/whoami/"))
            .await
            .status
            < 500
    })
    .await;
    let page = mal.open("services/whoami/").await.expect(200);
    assert_eq!(
        page.url.as_str(),
        format!("{whoami}services/whoami/"),
        "{page:#?}"
    );
    assert!(page.body.contains("mal"), "{}", page.body);

    // On somebody else's host there is neither.
    let zoes = stack.host_url("zoe");
    let elsewhere = stack
        .client()
        .token(&token)
        .html()
        .get(&format!("{zoes}user/mal/"))
        .await;
    let hub = stack.url();
    assert_eq!(
        elsewhere.expect(302).location(),
        format!("{hub}hub/user/mal/")
    );
    // Nor a login: its cookie would be within reach of that user's pages.
    let login = stack.client().html().get(&format!("{zoes}hub/login")).await;
    assert_eq!(login.expect(302).location(), format!("{hub}hub/login"));

    // A server that has stopped is the hub's to answer for, on its own host.
    api.stop_server("mal").await;
    let page = mal.follow(&format!("{mals}user/mal/")).await;
    assert_eq!(
        page.url.as_str(),
        format!("{hub}hub/user/mal/"),
        "{page:#?}"
    );
    assert_eq!(page.status, 424);
}

#[tokio::test]
async fn everything_is_on_its_host_through_our_proxy() {
    everything_is_on_its_host("").await;
}

#[tokio::test]
async fn everything_is_on_its_host_through_configurable_http_proxy() {
    let command = "[ConfigurableHTTPProxy]\ncommand = ['configurable-http-proxy']\n";
    everything_is_on_its_host(command).await;
}

/// What the server of `user` gets when the browser asks for its page about cookies.
async fn cookies_at(stack: &Stack, browser: &Browser, user: &str) -> String {
    let page = format!("user/{user}/cookies");
    browser
        .open(&format!("{}{page}", stack.host_url(user)))
        .await;
    agree(browser).await;
    let path = format!("{}{page}", stack.base());
    browser.at(&page, |at| at == path).await;
    browser.shows("jupyterhub-session-id").await;
    browser.text().await
}

/// Somebody who may enter two servers enters both with one browser.
#[tokio::test]
async fn no_cookie_of_one_users_host_reaches_another() {
    let stack = Stack::builder()
        .base_url("/hub-a/")
        .subdomains()
        .config(&config())
        .config("[JupyterHub]\nadmin_access = true")
        .start()
        .await;
    for user in ["mal", "zoe"] {
        stack.api().start_server(user).await;
    }
    let browser = stack.browser().await;
    let home = format!("{}hub/home", stack.base());
    browser
        .open(&format!("{}hub/login?next={home}", stack.url()))
        .await;
    browser.type_into("input[name=username]", "admin").await;
    let enter = format!("x{}", char::from(Key::Enter));
    browser.type_into("input[name=password]", &enter).await;
    browser.at("home", |at| at == home).await;

    let at_mal = cookies_at(&stack, &browser, "mal").await;
    assert!(at_mal.contains("jupyterhub-user-mal="), "{at_mal}");
    // What scripts of mal's pages set for their own host, as wide as they can without a Domain.
    browser
        .script("document.cookie = 'planted=by-mal; path=/'; return document.cookie")
        .await;
    let at_mal = cookies_at(&stack, &browser, "mal").await;
    assert!(at_mal.contains("planted=by-mal"), "{at_mal}");

    let at_zoe = cookies_at(&stack, &browser, "zoe").await;
    assert!(at_zoe.contains("jupyterhub-user-zoe="), "{at_zoe}");
    for (page, others) in [
        (&at_zoe, ["jupyterhub-user-mal", "planted"].as_slice()),
        (&at_mal, &["jupyterhub-user-zoe"]),
    ] {
        for other in others.iter().chain(&["jupyterhub-hub-login"]) {
            assert!(!page.contains(other), "{other}: {page}");
        }
    }
    // Nor do scripts of mal's pages see or read the hub's.
    browser
        .open(&format!("{}user/mal/cookies", stack.host_url("mal")))
        .await;
    let seen = browser.script("return document.cookie").await;
    assert!(!seen.to_string().contains("hub-login"), "{seen}");
}
