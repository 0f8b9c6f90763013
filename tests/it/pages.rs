//! The hub's pages in Chromium: all of them looked at, and what people do on them, with and without scripts.

mod culled;
mod everything;
mod keyboard;
mod more;
mod neighbour;
mod scripts;
mod tour;

use e2e::{Browser, Stack, eventually, programs};
use fantoccini::key::Key;
use serde_json::json;

use crate::spec;

/// Longest wait for something that the hub or a program beside it does.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(90);

/// Users may have named servers, share them and open services. What a server does depends on its name.
fn config() -> String {
    let hub = programs::path("hub").display().to_string();
    let server = format!(
        "case $JUPYTERHUB_SERVER_NAME in \
         slow) exec sleep 1000;; \
         gate) while ! [ -e gate ]; do sleep 0.1; done;; \
         broken) echo 'Traceback (most recent call last):'; echo 'No module named <b>jupyterlab</b>'; exit 3;; \
         stubborn) trap '' INT TERM; '{hub}' demo-server & while :; do sleep 1000; done;; \
         esac; exec '{hub}' demo-server"
    );
    format!(
        "{whoami}
        [JupyterHub]
        allow_named_servers = true
        named_server_limit_per_user = 6
        template_vars = {{ announcement = 'The exam room opens at <b>nine</b>.' }}
        load_groups = {{ lab = {{ users = ['mal'] }} }}
        [[JupyterHub.load_roles]]
        name = 'user'
        scopes = ['self', 'access:services', 'shares!user', 'read:users:name', 'read:groups:name']
        [DummyAuthenticator]
        password = 'open-sesame'
        [Spawner]
        cmd = ['sh', '-c', {server:?}]
        args = []
        start_timeout = 900
        http_timeout = 900
        [LocalProcessSpawner]
        interrupt_timeout = 900
        ",
        whoami = spec::whoami(),
    )
}

async fn stack() -> Stack {
    stack_with("").await
}

async fn stack_with(more: &str) -> Stack {
    Stack::builder()
        .without_python()
        .config(&config())
        .config(more)
        .start()
        .await
}

async fn log_in(browser: &Browser, stack: &Stack, user: &str) {
    browser.open(&format!("{}hub/home", stack.url())).await;
    browser.type_into("#username_input", user).await;
    let password = format!("open-sesame{}", char::from(Key::Enter));
    browser.type_into("#password_input", &password).await;
    browser.at("home", |at| at == "/hub/home").await;
}

/// Presses "Look again" as long as the page has it: without scripts nothing moves by itself.
async fn look_again(browser: &Browser) {
    eventually(PATIENCE, "nothing is under way", async || {
        let waits = browser.has("#look-again").await;
        if waits {
            browser.click("#look-again").await;
        }
        !waits
    })
    .await;
}

#[tokio::test]
async fn without_scripts_everything_that_matters_works() {
    let stack = stack().await;
    let browser = stack.browser().await;
    browser.scripts(false).await;
    let open = async |path: &str| browser.open(&format!("{}{path}", stack.url())).await;
    log_in(&browser, &stack, "mal").await;
    browser.click("#start").await;
    look_again(&browser).await;
    browser.at("the server", |at| at == "/user/mal/").await;
    open("hub/home").await;
    browser.find("#default-server .status-ready").await;
    browser.click("#stop").await;
    look_again(&browser).await;
    browser.find("#default-server .status-stopped").await;

    browser.type_into("#new-server-title", "Two words").await;
    browser.click("#new-server [name=start]").await;
    look_again(&browser).await;
    browser
        .at("the named server", |at| at == "/user/mal/two-words/")
        .await;
    open("hub/home").await;
    browser.click("#restart-two-words").await;
    look_again(&browser).await;
    browser
        .at("the named server", |at| at == "/user/mal/two-words/")
        .await;
    open("hub/manage/mal/two-words").await;
    browser.click("#stop").await;
    look_again(&browser).await;
    browser.find("#display-name").await;
    browser.type_into("#display-name", " more").await;
    browser.click("#rename [type=submit]").await;
    browser.find("#notice").await;
    browser.click("#delete summary").await;
    browser.click("#delete-server").await;
    browser.find("#new-server").await;
    assert!(!browser.has("#server-two-words").await);

    open("hub/token").await;
    browser.type_into("#token-note", "a note").await;
    browser.click("#request-token-form [type=submit]").await;
    browser.find("#token-result").await;
    browser.click("#api-tokens-table [type=submit]").await;
    browser.find("#api-tokens-section > p:last-child").await;
    open("hub/logout").await;
    browser.find("#login_submit").await;
}

#[tokio::test]
async fn with_scripts_the_home_page_follows_its_servers() {
    let stack = stack().await;
    let browser = stack.browser().await;
    log_in(&browser, &stack, "mal").await;
    browser.type_into("#new-server-title", "Gate!").await;
    let hint = "return document.getElementById('new-server-name').placeholder";
    assert_eq!(browser.script(hint).await, json!("gate"));
    browser.click("#new-server [name=start]").await;
    browser
        .at("its start", |at| at == "/hub/spawn-pending/mal/gate")
        .await;
    browser.open(&format!("{}hub/home", stack.url())).await;
    browser.find("#server-gate .status-spawning").await;
    let still = "const s = getComputedStyle(document.querySelector('.status-spawning'), '::before'); return s.animationIterationCount";
    assert_eq!(browser.script(still).await, json!("infinite"));
    browser.media(&[("prefers-reduced-motion", "reduce")]).await;
    assert_eq!(browser.script(still).await, json!("1"));

    browser
        .script("window.first = true; document.getElementById('stop-gate').focus()")
        .await;
    std::fs::write(stack.sandbox().home().join("mal/gate"), "").expect("a home");
    browser.find("#server-gate .status-ready").await;
    let same = "return window.first === true && document.getElementById('server-gate').contains(document.activeElement)";
    assert_eq!(
        browser.script(same).await,
        json!(true),
        "the page was not loaded again, and the focus is where it was"
    );
}

/// Of what stands in a page itself, only what carries the nonce runs.
#[tokio::test]
async fn scripts_of_administrators_run_and_others_do_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let own = "{% extends 'error.html' %}{% block script %}\
        <script nonce='{{ csp_nonce }}'>document.title = 'ran'</script>\
        <script>document.title = 'broke in'</script>\
        <p id='end' onclick='document.title = 1'>end</p>{% endblock %}";
    std::fs::write(folder.path().join("418.html"), own).expect("a template");
    let announcement = "<style>#end { color: rgb(1, 2, 3) }</style>";
    let own = format!(
        "[JupyterHub]\ntemplate_paths = [{:?}]\ntemplate_vars = {{ announcement = {announcement:?} }}",
        folder.path()
    );
    let stack = Stack::builder().without_python().config(&own).start().await;
    let browser = stack.browser().await;
    browser.open(&format!("{}hub/error/418", stack.url())).await;
    browser.click("#end").await;
    let title = browser.script("return document.title").await;
    assert_eq!(title, json!("ran"));
    let colour = "return getComputedStyle(document.getElementById('end')).color";
    assert_eq!(browser.script(colour).await, json!("rgb(1, 2, 3)"));
    let blocked = browser.console().await;
    for what in ["inline script", "inline event handler"] {
        let said = |line: &String| line.contains(what) && line.contains("Content Security Policy");
        assert!(blocked.iter().any(said), "{what}: {blocked:?}");
    }
}
