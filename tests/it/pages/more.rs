//! Pages that not every hub has: other ways to log in, a choice before the start, limits, services that fail.

use e2e::{Stack, eventually};
use serde_json::json;

use super::everything::WAIT;
use super::tour::Tour;
use super::{log_in, stack_with};

/// A form as the manual has one, beside profiles.
const CHOICES: &str = r#"
[JupyterHub]
named_server_limit_per_user = 1
implicit_spawn_seconds = 600
[Spawner]
options_form = """
<div class="field">
  <label for="args">Extra notebook CLI arguments</label>
  <input id="args" name="args" placeholder="e.g. --debug">
</div>
<div class="field">
  <label for="env">Environment variables (one per line)</label>
  <textarea id="env" name="env" rows="3">YOURNAME=kaylee</textarea>
</div>
"""
options_from_form = { args = "words", env = "environment" }
apply_user_options = { env = "environment" }
[[Spawner.profile_list]]
display_name = "Course"
description = "2 GB, with the course's files"
default = true
spawner_override = { mem_limit = "2G" }
[[Spawner.profile_list]]
display_name = "Own size"
slug = "own"
[Spawner.profile_list.profile_options.size]
display_name = "Memory"
choices = { small = { display_name = "1 GB", spawner_override = { mem_limit = "1G" } }, large = { display_name = "8 GB", default = true, spawner_override = { mem_limit = "8G" } } }
[[JupyterHub.services]]
name = "grader"
command = ["sh", "-c", "echo 'Traceback (most recent call last):'; echo 'No room for <b>marks</b>'; exit 3"]
"#;

#[tokio::test]
async fn pages_of_a_hub_with_choices_and_limits() {
    let stack = stack_with(CHOICES).await;
    let mut tour = Tour::begin(&stack).await;
    log_in(&tour.browser, &stack, "mal").await;
    tour.visit("not-running-implicit", "hub/user/mal/").await;
    tour.visit("spawn-form", "hub/spawn").await;
    tour.browser.type_into("#args", "'").await;
    tour.browser.click("#spawn_form [type=submit]").await;
    tour.browser
        .find("#spawn_form [role=alert], .card [role=alert]")
        .await;
    tour.inspect("spawn-form-refused").await;
    tour.browser
        .open(&format!("{}hub/spawn", stack.url()))
        .await;
    tour.browser.click("#spawn_form [type=submit]").await;
    tour.browser.at("the server", |at| at == "/user/mal/").await;
    tour.visit("manage-running", "hub/manage/mal").await;
    let lab = json!({ "display_name": "Lab" });
    stack
        .api()
        .put("/users/mal/servers/lab", &lab)
        .await
        .expect(201);
    tour.visit("home-full", "hub/home").await;
    // The start with another choice begins with the end of what runs.
    tour.browser
        .open(&format!("{}hub/manage/mal", stack.url()))
        .await;
    tour.browser.click("#restart-options").await;
    tour.browser.find("#spawn_form").await;
    tour.browser.click("#profile-2").await;
    tour.browser.click("#spawn_form [type=submit]").await;
    tour.browser.at("the server", |at| at == "/user/mal/").await;
    let options = stack.api().user("mal").await["servers"][""]["user_options"].clone();
    assert_eq!(
        (&options["profile"], &options["size"]),
        (&json!("own"), &json!("large"))
    );

    a_class(&mut tour).await;
    let failed = format!("{}hub/admin/services", stack.url());
    eventually(WAIT, "the page says that it has failed", async || {
        tour.browser.open(&failed).await;
        tour.browser.has("#service-grader .status-failed").await
    })
    .await;
    tour.inspect("services-failed").await;
    tour.browser
        .open(&format!("{}hub/admin/user?name=mal", stack.url()))
        .await;
    tour.inspect_opened("admin-user-options").await;
    tour.end();
}

/// A token of somebody, and what a teacher sees of a class.
async fn a_class(tour: &mut Tour<'_>) {
    let stack = tour.stack;
    tour.browser
        .open(&format!("{}hub/token", stack.url()))
        .await;
    tour.browser
        .type_into("#token-note", "backup of my notebooks")
        .await;
    tour.browser
        .click("#request-token-form [type=submit]")
        .await;
    tour.browser.find("#token-result").await;
    tour.inspect("token-made").await;
    let names = ["inara", "jayne", "kaylee", "river", "simon", "wash", "zoe"];
    let api = stack.api();
    api.post("/users", &json!({ "usernames": names }))
        .await
        .expect(201);
    let group = json!({ "users": ["inara", "river", "simon"] });
    api.post("/groups/lab/users", &group).await.expect(200);
    for name in ["kaylee", "river", "zoe"] {
        api.start_server(name).await;
    }
    tour.become_user("admin").await;
    tour.visit("admin-class", "hub/admin").await;
}

/// A host of its own without https, a code besides the password, and terms to agree to.
#[tokio::test]
async fn a_login_with_everything_that_it_can_ask() {
    let stack = Stack::builder()
        .without_python()
        .subdomains()
        .config(
            "[JupyterHub]
            authenticator_class = 'pam'
            template_vars = { login_term_url = '/hub/api-docs', announcement_login = 'Use your <b>university</b> account.' }
            [Authenticator]
            request_otp = true
            otp_prompt = 'Code of your phone'",
        )
        .start()
        .await;
    let mut tour = Tour::begin(&stack).await;
    tour.visit("login-everything", "hub/login").await;
    tour.browser.shows("plain HTTP").await;
    tour.end();
}

#[tokio::test]
async fn a_login_elsewhere() {
    let stack = Stack::builder()
        .without_python()
        .config(
            "[JupyterHub]
            authenticator_class = 'github'
            [Authenticator]
            allow_all = true
            [GitHubOAuthenticator]
            client_id = 'hub'
            client_secret = 'secret'",
        )
        .start()
        .await;
    let mut tour = Tour::begin(&stack).await;
    tour.visit("login-elsewhere", "hub/login?next=%2Fhub%2Fhome")
        .await;
    tour.browser.shows("Sign in with GitHub").await;
    // A provider that says no sends the browser back like this.
    tour.visit(
        "login-elsewhere-refused",
        "hub/oauth_callback?error=access_denied&state=x",
    )
    .await;
    tour.end();
}
