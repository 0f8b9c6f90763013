//! The page that tells how services are, as an administrator sees it in Chromium.

use e2e::{Browser, Stack, eventually_some};
use fantoccini::key::Key;

use crate::spec;

const WAIT: std::time::Duration = std::time::Duration::from_secs(90);

/// One that runs, one that fails, one that somebody else should run.
fn services() -> String {
    format!(
        "{}[[JupyterHub.services]]\nname = 'grader'\ncommand = ['sh', '-c', 'echo reading the gradebook; echo no such file: grades.db >&2; exit 3']\n\
         [[JupyterHub.services]]\nname = 'viewer'\nurl = 'http://127.0.0.1:9'\napi_token = 'token-of-the-viewer'\ntimeout = 1\n",
        spec::whoami()
    )
}

#[tokio::test]
async fn an_administrator_sees_how_services_are() {
    let stack = Stack::builder().config(&services()).start().await;
    stack.service_is_up("whoami").await;
    let api = stack.api();
    eventually_some(WAIT, "grader has failed twice", async || {
        let model = api.get("/services/grader").await.expect(200).json();
        model["restarts"].as_u64().filter(|count| *count >= 1)
    })
    .await;
    let browser = Browser::start().await;
    browser.open(&format!("{}hub/home", stack.url())).await;
    browser.type_into("input[name=username]", "admin").await;
    let password = format!("x{}", char::from(Key::Enter));
    browser.type_into("input[name=password]", &password).await;
    browser.at("home", |at| at.ends_with("/hub/home")).await;
    browser.click("a[href=\"/hub/admin\"]").await;
    browser.click("a[href=\"/hub/admin/services\"]").await;
    browser.find("#service-whoami .status-ready").await;
    for text in [
        "exited with code 3",
        "no such file: grades.db",
        "not run by the hub",
        "viewer",
    ] {
        browser.shows(text).await;
    }
    browser.screenshot("services").await;
    // Nothing on it was blocked: no script, style or picture from where the page may not have any.
    let log = stack.log();
    assert!(!log.contains("csp-report"), "{log}");
}
