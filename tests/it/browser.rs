//! A person with Chromium: log in, open the real JupyterLab, run a cell, ask whoami, log out.

use std::time::Duration;

use e2e::{Browser, Stack, StackBuilder, eventually};
use fantoccini::key::Key;
use serde_json::json;

use crate::spec;

const CELL: &str = "print('the answer is', 6 * 7)";

async fn stack(builder: StackBuilder) -> Stack {
    let stack = builder
        .config(&spec::whoami())
        .config(spec::USERS_MAY_OPEN_SERVICES)
        .start()
        .await;
    let home = stack.sandbox().home().join("mal");
    std::fs::create_dir_all(&home).expect("a home");
    std::fs::write(home.join("answer.ipynb"), notebook()).expect("a notebook");
    stack
}

fn notebook() -> String {
    json!({
        "nbformat": 4, "nbformat_minor": 5,
        "metadata": {
            "kernelspec": { "name": "python3", "display_name": "Python 3", "language": "python" },
            "language_info": { "name": "python" },
        },
        "cells": [{
            "id": "a", "cell_type": "code", "source": CELL,
            "metadata": {}, "outputs": [], "execution_count": null,
        }],
    })
    .to_string()
}

/// From a stranger's first click to a closed session. `shot` names the screenshots.
async fn first_light(stack: &Stack, shot: &str) {
    let browser = stack.browser().await;
    let url = |path: &str| format!("{}{path}", stack.url());
    let path = |path: &str| format!("{}{path}", stack.base());
    let picture = async |page: &str| {
        browser.screenshot(&format!("{shot}-{page}")).await;
    };

    browser.open(&url("hub/home")).await;
    browser
        .at("the login page", |at| at == path("hub/login"))
        .await;
    browser.find("input[name=username]").await;
    picture("login").await;
    browser.type_into("input[name=username]", "mal").await;
    browser
        .type_into(
            "input[name=password]",
            &format!("x{}", char::from(Key::Enter)),
        )
        .await;

    browser.at("home", |at| at == path("hub/home")).await;
    browser.find("#start").await;
    picture("home").await;
    browser.click("#start").await;
    browser
        .at("spawn-pending", |at| {
            at.starts_with(&path("hub/spawn-pending/mal"))
        })
        .await;
    browser.find("[role=progressbar], progress").await;
    picture("spawn-pending").await;

    browser
        .at("the server", |at| at.starts_with(&path("user/mal/lab")))
        .await;
    is_on_host(&browser, stack, "mal").await;
    browser.open(&url("user/mal/lab/tree/answer.ipynb")).await;
    run_cell(&browser).await;
    picture("lab").await;

    browser.open(&url("services/whoami/")).await;
    agree(&browser).await;
    browser
        .at("whoami", |at| at == path("services/whoami/"))
        .await;
    browser.shows("mal").await;
    is_on_host(&browser, stack, "whoami--service").await;
    picture("whoami").await;

    browser.open(&url("hub/logout")).await;
    browser.open(&url("user/mal/lab")).await;
    browser
        .at("the login page", |at| at == path("hub/login"))
        .await;
    browser.find("input[name=password]").await;
}

/// The page is on the host of its user or service, where each has one; else on the only one there is.
async fn is_on_host(browser: &Browser, stack: &Stack, name: &str) {
    let url = match stack.has_subdomains() {
        true => stack.host_url(name),
        false => stack.url().to_owned(),
    };
    let host = browser.host().await;
    assert!(url.starts_with(&format!("http://{host}/")), "{host} {url}");
}

/// Runs the first cell of the notebook that is shown, and reads what it printed.
async fn run_cell(browser: &Browser) {
    let cell = ".jp-Notebook .jp-CodeCell";
    browser.find(cell).await;
    // What is run before the kernel is there is lost; the toolbar says when it is. (The status bar does so only where the
    // notebook has the focus.)
    let idle = "const of = name => document.querySelector(name); \
        return of('.jp-Toolbar-kernelName')?.textContent.includes('Python 3') \
        && of('.jp-Notebook-ExecutionIndicator')?.dataset.status === 'idle'";
    let is_idle = async || browser.script(idle).await == true;
    eventually(Duration::from_secs(90), "the kernel is idle", is_idle).await;
    browser.click(&format!("{cell} .cm-content")).await;
    let keys = format!("{}{}", char::from(Key::Shift), char::from(Key::Enter));
    browser
        .type_into(&format!("{cell} .cm-content"), &keys)
        .await;
    let output = browser.find(".jp-CodeCell .jp-OutputArea-output pre").await;
    assert_eq!(output.text().await.expect("text"), "the answer is 42");
}

/// Agrees to the hub's question whether the service may know who this is, if it asks.
pub(crate) async fn agree(browser: &Browser) {
    if browser.path().await.ends_with("/api/oauth2/authorize") {
        browser.click("form[method=post] [type=submit]").await;
    }
}

#[tokio::test]
async fn a_notebook_from_login_to_logout() {
    first_light(&stack(Stack::builder()).await, "root").await;
}

#[tokio::test]
async fn the_same_below_a_base_url() {
    let stack = stack(Stack::builder().base_url("/hub-a/")).await;
    first_light(&stack, "hub-a").await;
}

#[tokio::test]
async fn the_same_with_a_host_for_every_user_below_a_base_url() {
    let stack = stack(Stack::builder().base_url("/hub-b/").subdomains()).await;
    first_light(&stack, "subdomains").await;
}
