//! What scripts add to pages, by hand: a theme of one's own, and a password that can be seen.

use e2e::Browser;
use fantoccini::key::Key;
use serde_json::{Value, json};

use super::{log_in, stack};

/// What the page says of its theme, what its button says, and whether it is dark to look at.
const THEME: &str = "const button = document.getElementById('dark-theme-toggle');
    const [red] = getComputedStyle(document.body).backgroundColor.match(/[0-9]+/);
    return [document.documentElement.dataset.theme ?? null, button.hidden, button.ariaPressed, red < 128]";

async fn is_dark(browser: &Browser, chosen: Value, dark: bool, what: &str) {
    let seen = browser.script(THEME).await;
    assert_eq!(
        seen,
        json!([chosen, false, dark.to_string(), dark]),
        "{what}"
    );
}

/// The choice is this browser's: it holds for every page, until it is taken back.
#[tokio::test]
async fn a_theme_that_was_chosen_stays() {
    let stack = stack().await;
    let browser = stack.browser().await;
    let page = async |path: &str| browser.open(&format!("{}{path}", stack.url())).await;
    for (system, chosen) in [("light", "dark"), ("dark", "light")] {
        let dark = chosen == "dark";
        browser.media(&[("prefers-color-scheme", system)]).await;
        page("hub/login").await;
        is_dark(&browser, Value::Null, !dark, "as the system says").await;
        browser.click("#dark-theme-toggle").await;
        is_dark(&browser, json!(chosen), dark, "chosen").await;
        for path in ["hub/login", "hub/error/404"] {
            page(path).await;
            is_dark(&browser, json!(chosen), dark, path).await;
        }
        // Whatever the system says by then.
        browser.media(&[("prefers-color-scheme", chosen)]).await;
        is_dark(&browser, json!(chosen), dark, "the system changed").await;
        browser.media(&[("prefers-color-scheme", system)]).await;
        browser.click("#dark-theme-toggle").await;
        page("hub/login").await;
        is_dark(&browser, Value::Null, !dark, "taken back").await;
    }
    browser.click("#dark-theme-toggle").await;
    log_in(&browser, &stack, "mal").await;
    is_dark(&browser, json!("light"), false, "after a login").await;
}

#[tokio::test]
async fn a_password_can_be_looked_at() {
    let stack = stack().await;
    let browser = stack.browser().await;
    let button = "[data-toggles=password_input]";
    let login = format!("{}hub/login?next=%2Fhub%2Fhome", stack.url());
    browser.scripts(false).await;
    browser.open(&login).await;
    assert!(!browser.has(&format!("{button}:not([hidden])")).await);
    browser.scripts(true).await;
    browser.open(&login).await;
    let state = format!(
        "const [button, input] = [document.querySelector('{button}'), document.getElementById('password_input')];
        return [input.type, input.value, button.innerText, button.ariaLabel]"
    );
    let hidden = json!(["password", "open-sesame", "Show", "Show password"]);
    let shown = json!(["text", "open-sesame", "Hide", "Hide password"]);
    browser.type_into("#username_input", "mal").await;
    browser.type_into("#password_input", "open-sesame").await;
    assert_eq!(browser.script(&state).await, hidden);
    browser.click(button).await;
    assert_eq!(browser.script(&state).await, shown);
    browser.screenshot("password-shown").await;
    browser.click(button).await;
    assert_eq!(browser.script(&state).await, hidden);
    // By keyboard, too; what is sent is a password again, which browsers neither keep nor offer as text.
    let space = char::from(Key::Space).to_string();
    browser.type_into(button, &space).await;
    assert_eq!(browser.script(&state).await, shown);
    browser
        .script(
            "document.getElementById('password_input').form.addEventListener('submit', () => \
             sessionStorage.setItem('sent', document.getElementById('password_input').type))",
        )
        .await;
    browser.click("#login_submit").await;
    browser.at("home", |at| at == "/hub/home").await;
    let sent = "return sessionStorage.getItem('sent')";
    assert_eq!(browser.script(sent).await, json!("password"));
}
