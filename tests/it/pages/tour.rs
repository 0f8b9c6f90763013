//! Every page of the hub in every state, in Chromium: on a desktop and on the narrowest phone, light and dark. Nothing that
//! axe-core finds wrong, nothing wider than the window, everything within reach of the Tab key and visibly so, nothing on
//! the console, nothing from elsewhere, less than 100 KB.
//!
//! `E2E_PICTURES=1` writes a picture of each to `target/artefacts/page-*.png`.

use std::time::Duration;

use e2e::{Api, Browser, Look, Stack, eventually};
use fantoccini::key::Key;
use hub_types::env::{EnvSource as _, ProcessEnv};
use serde_json::{Value, json};

use super::{log_in, stack_with};

/// What people may be called and write into names and notes, and what must be shown as nothing but text.
const HOSTILE: &str = "<img src=x onerror=alert(1)>'\"&{{7*7}}";

/// The most that a page weighs, with everything that is loaded for it.
const HEAVIEST: u64 = 100_000;

/// Longest wait for a server to be where it should be.
const WAIT: Duration = Duration::from_secs(90);

/// The page that is shown after a logout only where people log in elsewhere, as the page of an error.
fn logout_page() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let page = "{% extends 'templates/logout.html' %}";
    std::fs::write(folder.path().join("418.html"), page).expect("a template");
    folder
}

fn server(name: &str) -> String {
    format!("/users/mal/servers/{name}")
}

/// Waits until a server of mal's is `pending` (`null` for nothing).
async fn until(api: &Api, name: &str, pending: Value) {
    let what = format!("{name} is pending {pending}");
    eventually(WAIT, &what, async || {
        api.get("/users/mal").await.expect(200).json()["servers"][name]["pending"] == pending
    })
    .await;
}

/// One walk through all pages with one browser; what is wrong is gathered, so that one run tells all of it.
struct Tour<'a> {
    stack: &'a Stack,
    browser: Browser,
    pictures: bool,
    wrong: Vec<String>,
}

impl<'a> Tour<'a> {
    async fn begin(stack: &'a Stack) -> Self {
        Self {
            stack,
            browser: stack.browser().await,
            pictures: ProcessEnv.get("E2E_PICTURES").is_some(),
            wrong: Vec::new(),
        }
    }

    async fn visit(&mut self, name: &str, path: &str) {
        self.browser.console().await;
        self.browser
            .open(&format!("{}{path}", self.stack.url()))
            .await;
        self.inspect(name).await;
    }

    fn note(&mut self, page: &str, what: &str, found: &[String]) {
        if !found.is_empty() {
            self.wrong
                .push(format!("{page}: {what}:\n{}", found.join("\n")));
        }
    }

    /// Looks at the page that is shown.
    async fn inspect(&mut self, name: &str) {
        let weight = self.browser.weight().await;
        self.note(name, "from elsewhere", &weight.foreign);
        if weight.bytes >= HEAVIEST {
            self.note(name, "too heavy", &[format!("{} bytes", weight.bytes)]);
        }
        let broken_out = "return document.querySelector('[onerror], img[src=x]') !== null";
        if self.browser.script(broken_out).await == json!(true) {
            self.note(name, "text has become markup", &[self.browser.text().await]);
        }
        for look in Look::ALL {
            self.browser.look(look).await;
            let page = format!("{name}, {}", look.name);
            let found = self.browser.violations(look.judged()).await;
            self.note(&page, "axe-core", &found);
            let found = self.browser.too_wide().await;
            self.note(&page, "wider than the window", &found);
            if look.judged().len() > 1 {
                let tabs = self.browser.tabs().await;
                assert!(tabs.known > 0, "{page}: nothing can be focused");
                self.note(&page, "out of reach of Tab", &tabs.missed);
                self.note(&page, "focused, and nothing shows it", &tabs.unseen);
            }
            if self.pictures {
                self.browser
                    .picture(&format!("page-{name}-{}", look.name))
                    .await;
            }
        }
        self.browser.look(Look::ALL[0]).await;
        self.listen(name).await;
    }

    /// Nothing has been said on the console, but that a page about an error comes with its status.
    async fn listen(&mut self, name: &str) {
        let own = self
            .browser
            .client()
            .current_url()
            .await
            .expect("a page")
            .to_string();
        let about_itself =
            |line: &String| line.starts_with(&own) && line.contains("Failed to load resource");
        let said: Vec<_> = self
            .browser
            .console()
            .await
            .into_iter()
            .filter(|line| !about_itself(line))
            .collect();
        self.note(name, "on the console", &said);
    }

    async fn strangers(&mut self) {
        self.visit("login", "hub/login?next=%2Fhub%2Fhome").await;
        self.browser.type_into("#username_input", "mal").await;
        let wrong = format!("no{}", char::from(Key::Enter));
        self.browser.type_into("#password_input", &wrong).await;
        self.browser.find("#login-error").await;
        self.inspect("login-failed").await;
        self.visit("error-404-stranger", "hub/error/404").await;
        self.visit("logout", "hub/error/418").await;
    }

    async fn servers(&mut self) {
        self.visit("home-first", "hub/home").await;
        self.visit("not-running", "hub/user/mal/").await;
        every_state(self.stack).await;
        self.visit("home", "hub/home").await;
        self.visit("spawn-pending", "hub/spawn-pending/mal/slow")
            .await;
        self.visit("stop-pending", "hub/spawn-pending/mal/stubborn")
            .await;
        self.visit("failed", "hub/spawn-pending/mal/broken").await;
        // A link on another site: the start is asked for.
        let link = format!(
            "data:text/html,<a id=a href='{}hub/spawn/mal/gpu'>a</a>",
            self.stack.url()
        );
        self.browser.open(&link).await;
        self.browser.click("#a").await;
        self.browser.find("#spawn_form").await;
        self.inspect("spawn").await;
    }

    /// Shares a server, and gives back the invitation to it.
    async fn sharing(&mut self) -> String {
        self.visit("manage-default", "hub/manage/mal").await;
        self.visit("manage-stopped", "hub/manage/mal/gpu").await;
        self.visit("manage-starting", "hub/manage/mal/slow").await;
        self.browser
            .open(&format!("{}hub/manage/mal/lab", self.stack.url()))
            .await;
        for (kind, name) in [("user", HOSTILE), ("group", "lab")] {
            self.browser.type_into("#share-name", name).await;
            self.browser
                .click(&format!("#share-kind option[value={kind}]"))
                .await;
            self.browser.click("#share-form [type=submit]").await;
            let row = format!("#shares-table input[name=kind][value={kind}]");
            self.browser.find(&row).await;
        }
        self.browser.shows(HOSTILE).await;
        self.browser.click("#link-form [type=submit]").await;
        self.browser.find("#new-link-url").await;
        self.inspect("manage-shared").await;
        let link = "return document.getElementById('new-link-url').value";
        self.browser
            .script(link)
            .await
            .as_str()
            .expect("a link")
            .to_owned()
    }

    async fn tokens(&mut self) {
        self.visit("token-none", "hub/token").await;
        self.stack.service_is_up("whoami").await;
        self.browser
            .open(&format!("{}services/whoami/", self.stack.url()))
            .await;
        self.browser.find("#oauth-form").await;
        self.inspect("consent").await;
        self.browser.click("#oauth-form [type=submit]").await;
        self.browser
            .at("whoami", |at| at == "/services/whoami/")
            .await;
        self.browser
            .open(&format!("{}hub/token", self.stack.url()))
            .await;
        self.browser.type_into("#token-note", HOSTILE).await;
        self.browser
            .click("#request-token-form [type=submit]")
            .await;
        self.browser.find("#token-result").await;
        self.inspect("token-new").await;
        self.visit("token", "hub/token").await;
        self.browser.shows(HOSTILE).await;
    }

    async fn errors_and_reference(&mut self) {
        self.visit("error-403", "hub/admin/services").await;
        self.visit("error-404", "hub/error/404").await;
        self.visit("error-404-server", "hub/error/404?url=%2Fuser%2Fada%2F")
            .await;
        self.visit("error-500", "hub/error/500").await;
        self.visit("error-503", "hub/error/503?url=%2Fuser%2Fmal%2Flab")
            .await;
        self.visit("api-docs", "hub/api-docs").await;
        for part in ["groups", "scopes"] {
            let path = format!("hub/api-docs/{part}");
            self.visit(&format!("api-docs-{part}"), &path).await;
        }
    }

    /// The pages of somebody whose name is markup.
    async fn hostile_name(&mut self) {
        self.browser.shows(HOSTILE).await;
        self.inspect("hostile-home").await;
        self.browser.click("#manage").await;
        self.browser.find("#server").await;
        self.inspect("hostile-manage").await;
        self.browser
            .open(&format!("{}hub/home", self.stack.url()))
            .await;
        self.browser.click("#start").await;
        let start = |at: &str| !at.starts_with("/hub/home");
        self.browser.at("the start", start).await;
        self.visit("hostile-token", "hub/token").await;
    }

    /// What administrators see, with somebody among their users whose name is markup.
    async fn administrator(&mut self) {
        let hostile: String = url::form_urlencoded::byte_serialize(HOSTILE.as_bytes()).collect();
        self.visit("admin", "hub/admin").await;
        self.browser.shows(HOSTILE).await;
        self.visit("admin-nobody", "hub/admin?name_filter=nobody-of-this-name")
            .await;
        self.visit("admin-user", "hub/admin/user?name=mal").await;
        self.visit("admin-add-users", "hub/admin/add-users").await;
        self.visit("admin-groups", "hub/admin/groups").await;
        self.visit("admin-group", "hub/admin/group?name=lab").await;
        self.visit("admin-roles", "hub/admin/roles").await;
        self.visit("admin-shutdown", "hub/admin/shutdown").await;
        self.visit("services", "hub/admin/services").await;
        let user = format!("hub/admin/user?name={hostile}");
        self.visit("admin-user-hostile", &user).await;
        self.browser.click("#delete-user").await;
        self.browser.find("#confirm").await;
        self.inspect("admin-confirm").await;
    }

    async fn become_user(&self, user: &str) {
        self.browser
            .open(&format!("{}hub/logout", self.stack.url()))
            .await;
        log_in(&self.browser, self.stack, user).await;
        self.browser.console().await;
    }
}

/// Gives mal a server in every state.
async fn every_state(stack: &Stack) {
    let body = json!({ "display_name": HOSTILE });
    let api = stack.api();
    api.put(&server("gpu"), &body).await.expect(201);
    // On a busy machine the answer may come before the start has ended.
    api.post(&server("broken"), &body).await;
    for name in ["lab", "stubborn"] {
        api.post(&server(name), &body).await;
        let what = format!("{name} is ready");
        eventually(WAIT, &what, async || {
            api.get("/users/mal").await.expect(200).json()["servers"][name]["ready"] == true
        })
        .await;
    }
    until(&api, "broken", Value::Null).await;
    for (name, stop) in [("slow", false), ("stubborn", true)] {
        let (api, body) = (stack.api(), body.clone());
        tokio::spawn(async move {
            match stop {
                true => api.delete(&server(name)).await,
                false => api.post(&server(name), &body).await,
            }
        });
    }
    until(&api, "slow", json!("spawn")).await;
    until(&api, "stubborn", json!("stop")).await;
}

#[tokio::test]
async fn every_page_in_every_state() {
    let templates = logout_page();
    let own = format!("[JupyterHub]\ntemplate_paths = [{:?}]", templates.path());
    let stack = stack_with(&own).await;
    let people = json!({ "usernames": ["mal", HOSTILE] });
    stack.api().post("/users", &people).await.expect(201);
    let mut tour = Tour::begin(&stack).await;
    tour.strangers().await;
    log_in(&tour.browser, &stack, "mal").await;
    tour.browser.console().await;
    tour.servers().await;
    let invitation = tour.sharing().await;
    tour.tokens().await;
    tour.errors_and_reference().await;
    tour.become_user(HOSTILE).await;
    tour.hostile_name().await;
    tour.browser.open(&invitation).await;
    tour.browser.find("#accept-share-form").await;
    tour.inspect("accept-share").await;
    tour.become_user("admin").await;
    tour.administrator().await;

    let reports = stack
        .log()
        .matches("Content security policy violation")
        .count();
    if reports > 0 {
        tour.wrong.push(format!("{reports} reports of the browser"));
    }
    assert!(tour.wrong.is_empty(), "{}", tour.wrong.join("\n\n"));
}
