//! What the culler means to do, where whoever uses the server sees it; and how they come back when it was done.

use e2e::{Browser, Stack, eventually};

use super::tour::Tour;
use super::{PATIENCE, log_in, look_again, stack_with};
use crate::spec;

/// The home page says when a server was last used and, with a culler that gives notice, how long it has left.
#[tokio::test]
async fn the_home_page_says_how_much_time_is_left() {
    let culler = [
        "hub",
        "cull-idle",
        "--timeout=5",
        "--notice=3000",
        "--cull-every=1",
    ];
    let config = format!(
        "{}\n[JupyterHub]\nlast_activity_interval = 1\n",
        spec::culler(&culler)
    );
    let stack = stack_with(&config).await;
    let mut tour = Tour::begin(&stack).await;
    log_in(&tour.browser, &stack, "mal").await;
    tour.browser.click("#start").await;
    tour.browser.at("the server", |at| at == "/user/mal/").await;
    let home = format!("{}hub/home", stack.url());
    eventually(PATIENCE, "the stop is announced on the page", async || {
        tour.browser.open(&home).await;
        tour.browser.has("#stop-notice").await
    })
    .await;
    let text = "return document.querySelector('#default-server').innerText.replace(/\\s+/g, ' ')";
    let text = tour.browser.script(text).await;
    let text = text.as_str().unwrap_or_default();
    let says = |pattern: &str| {
        regex::Regex::new(pattern)
            .expect("a pattern")
            .is_match(text)
    };
    assert!(
        says(r"It will be stopped in (49|50) minutes: .+\. It stays if you use it\."),
        "{text}"
    );
    assert!(
        says(r"Last activity (just now|\d+ (seconds?|minutes?) ago) "),
        "{text}"
    );
    tour.inspect("home-culled").await;
    tour.visit("manage-culled", "hub/manage/mal").await;
    tour.end();
}

/// Opens a page of a server that is stopped, does what is left to do, and waits for that page.
async fn comes_back(stack: &Stack, browser: &Browser, scripts: bool, presses: bool) {
    browser.scripts(scripts).await;
    // Another address each time: browsers keep a stylesheet for a while.
    let page = format!("{}user/mal/style.css?{scripts}-{presses}", stack.url());
    browser.open(&page).await;
    if presses {
        browser.click("#start").await;
    }
    if !scripts {
        look_again(browser).await;
    }
    browser
        .at("the page", |at| at == "/user/mal/style.css")
        .await;
    stack.api().stop_server("mal").await;
}

/// By a link, or a page that is loaded again: who waits as who presses the button, with scripts and without.
#[tokio::test]
async fn whoever_comes_back_to_a_stopped_server_ends_on_the_page_that_they_wanted() {
    for (seconds, rounds) in [
        (1, [(true, false)].as_slice()),
        (600, &[(true, true), (false, true)]),
    ] {
        let config = format!("[JupyterHub]\nimplicit_spawn_seconds = {seconds}\n");
        let stack = stack_with(&config).await;
        let browser = stack.browser().await;
        log_in(&browser, &stack, "mal").await;
        for (scripts, presses) in rounds {
            comes_back(&stack, &browser, *scripts, *presses).await;
        }
    }
}
