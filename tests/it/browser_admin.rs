//! An administrator with Chromium: finds somebody, starts and stops their server, adds and deletes users, by mouse and keyboard.

use e2e::{Browser, Stack};
use fantoccini::key::Key;
use serde_json::json;

use crate::fleet;

async fn stack() -> Stack {
    let stack = Stack::builder()
        .config(&fleet::demo_servers())
        .start()
        .await;
    let users: Vec<String> = (0..60).map(|n| format!("student-{n:02}")).collect();
    let made = stack
        .api()
        .post("/users", &json!({ "usernames": users }))
        .await;
    assert_eq!(made.status, 201, "{made:?}");
    stack
}

async fn log_in(stack: &Stack, browser: &Browser) {
    browser
        .open(&format!("{}hub/login?next=%2Fhub%2Fadmin", stack.url()))
        .await;
    browser.type_into("input[name=username]", "admin").await;
    let password = format!("x{}", char::from(Key::Enter));
    browser.type_into("input[name=password]", &password).await;
    browser
        .at("the list of users", |at| at == "/hub/admin")
        .await;
}

#[tokio::test]
async fn an_administrator_finds_starts_stops_adds_and_deletes() {
    let stack = stack().await;
    let browser = stack.browser().await;
    log_in(&stack, &browser).await;

    // Typing searches: nothing is pressed, and the address follows.
    browser.type_into("input[name=name_filter]", "t-42").await;
    browser.shows("1 user found").await;
    let address = browser.script("return location.search").await;
    assert_eq!(address, "?name_filter=t-42");
    browser.screenshot("admin-search").await;

    // By keyboard: the button of the row, and the list follows the server by itself.
    let start = "button[aria-label='Start student-42']";
    browser
        .type_into(start, &char::from(Key::Enter).to_string())
        .await;
    browser.shows("Running").await;
    assert!(browser.has("a[aria-label='Access student-42']").await);

    // Select all of what is found, and stop it.
    browser.click("#select-all").await;
    browser.shows("1 selected").await;
    browser
        .click("select[name=action] option[value=stop]")
        .await;
    browser.click("#apply").await;
    browser.shows("Asked to stop").await;
    browser.find(start).await;

    // Users from a list, two good names and a bad one.
    browser
        .open(&format!("{}hub/admin/add-users", stack.url()))
        .await;
    browser.type_into("#names", "zoe\nwash\nstudent-42").await;
    browser.click("#add-users-form button[type=submit]").await;
    browser.shows("Added: 2. Not added: 1.").await;
    browser.shows("User student-42 already exists").await;
    browser.screenshot("admin-add-users").await;

    // Deleting asks first; Cancel leads back.
    browser
        .open(&format!("{}hub/admin/user?name=zoe", stack.url()))
        .await;
    browser.screenshot("admin-user").await;
    browser.click("#delete-user").await;
    browser.shows("Delete 1 user?").await;
    browser.click("#confirm button[type=submit]").await;
    browser.shows("Deleted.").await;
    assert_eq!(stack.api().get("/users/zoe").await.status, 404);
    assert_eq!(stack.api().get("/users/wash").await.status, 200);
}
