//! A person without a mouse.

use fantoccini::key::Key;
use serde_json::json;

use super::stack;

/// Logs in, starts and stops a server, makes a token and takes it back, and logs out; every act is a key.
#[tokio::test]
async fn everything_that_matters_by_keys_alone() {
    let stack = stack().await;
    let browser = stack.browser().await;
    let (tab, enter) = (
        char::from(Key::Tab).to_string(),
        char::from(Key::Enter).to_string(),
    );
    let go = async |css: &str| {
        browser.tab_to(css).await;
        browser.press(&enter).await;
    };
    // The cursor is in the first field, and one key further in the second.
    browser.open(&format!("{}hub/home", stack.url())).await;
    browser.focused("#username_input").await;
    browser.press(&format!("mal{tab}open-sesame{enter}")).await;
    browser.at("home", |at| at == "/hub/home").await;

    // The first key offers to skip what is the same on every page.
    browser.press(&tab).await;
    browser.focused(".skip").await;
    browser.press(&enter).await;
    browser.focused("#main").await;

    go("#start").await;
    browser.at("the server", |at| at == "/user/mal/").await;
    browser.open(&format!("{}hub/home", stack.url())).await;
    go("#stop").await;
    browser.find("#default-server .status-stopped").await;

    // A menu opens by Enter and closes by Escape, which leaves the focus where it was.
    go("details.menu > summary").await;
    browser.find("details.menu[open]").await;
    browser.press(&char::from(Key::Escape).to_string()).await;
    browser.focused("details.menu:not([open]) > summary").await;

    browser.open(&format!("{}hub/home", stack.url())).await;
    go(".mainnav a[href='/hub/token']").await;
    browser.at("the tokens", |at| at == "/hub/token").await;
    browser.tab_to("#token-note").await;
    browser.press("by keys").await;
    // The form is sent from any of its fields.
    browser.press(&enter).await;
    browser.find("#token-result").await;
    go("[data-copies=token-result]").await;
    let said = "return document.getElementById('copy-status').textContent.length > 0";
    e2e::eventually(
        super::PATIENCE,
        "the page says that it copied",
        async || browser.script(said).await == json!(true),
    )
    .await;
    go("button[aria-label='Revoke token by keys']").await;
    browser.shows("You have no tokens.").await;
    go("#logout").await;
    browser.find("#login_submit").await;
}
