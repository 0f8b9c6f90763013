//! Every page of the hub in every state.

use std::time::Duration;

use e2e::{Api, Stack, eventually, peers};
use fantoccini::key::Key;
use regex::Regex;
use serde_json::{Value, json};

use super::tour::{HOSTILE, Tour};
use super::{log_in, stack_with};

/// Longest wait for a server to be where it should be.
pub(super) const WAIT: Duration = Duration::from_secs(90);

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

impl Tour<'_> {
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
        for (name, path) in [
            ("spawn", "hub/spawn/mal/gpu"),
            (
                "spawn-options",
                "hub/spawn?opt-memory=2+GB&opt-course=history",
            ),
        ] {
            let url = format!("{}{path}", self.stack.url());
            let link = format!("data:text/html,<a id=a href='{url}'>a</a>");
            let link = link.replace('&', "%26amp;");
            self.browser.open(&link).await;
            self.browser.click("#a").await;
            self.browser.find("#spawn_form").await;
            self.inspect(name).await;
        }
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
        self.inspect_opened("manage-shared").await;
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
        self.browser.type_into("#token-scopes", "no:such").await;
        self.browser
            .click("#request-token-form [type=submit]")
            .await;
        self.browser.find("#main [role=alert]").await;
        self.inspect("token-refused").await;
    }

    async fn errors_and_reference(&mut self) {
        self.visit("error-403", "hub/admin/services").await;
        self.visit("error-404", "hub/error/404").await;
        self.visit("error-404-server", "hub/error/404?url=%2Fuser%2Fada%2F")
            .await;
        self.visit("error-500", "hub/error/500").await;
        self.visit("error-503", "hub/error/503?url=%2Fuser%2Fmal%2Flab")
            .await;
        self.visit("accept-share-gone", "hub/accept-share?code=gone")
            .await;
        self.visit("api-docs", "hub/api-docs").await;
        for part in ["groups", "models", "scopes"] {
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
        self.browser
            .open(&format!("{}hub/admin/user?name=mal", self.stack.url()))
            .await;
        self.inspect_opened("admin-user").await;
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

    /// What administrators see after they have done something.
    async fn what_administrators_do(&mut self) {
        let open = async |tour: &Self, path: &str| {
            let url = format!("{}hub/admin{path}", tour.stack.url());
            tour.browser.open(&url).await;
        };
        open(self, "/add-users").await;
        let names = "zoe\nmal\nnot a name\u{202e}";
        self.browser.type_into("#names", names).await;
        self.browser.click("#add-users-form [type=submit]").await;
        self.browser.find("#refusals").await;
        self.inspect("admin-add-users-refused").await;
        open(self, "/group?name=lab").await;
        self.browser
            .script("document.getElementById('properties').value = ''")
            .await;
        self.browser.type_into("#properties", "{no JSON").await;
        self.browser.click("#group-properties [type=submit]").await;
        self.browser.find("#main [role=alert]").await;
        self.inspect("admin-group-refused").await;
        open(self, "").await;
        self.browser.click("button[name=all][value=start]").await;
        self.browser.find("#confirm").await;
        self.inspect("admin-start-all").await;
        open(self, "").await;
        self.browser.click("#select-all").await;
        self.browser.shows("selected").await;
        let act = "select[name=action] option[value=add_to_group]";
        self.browser.click(act).await;
        self.browser
            .type_into(".bulk [name=group]", "nowhere")
            .await;
        self.browser.click("#apply").await;
        self.browser
            .find("#main [role=alert], #refusals, .card.error")
            .await;
        self.inspect("admin-refused").await;
        // One of the servers does not stop, and so the order takes its time.
        open(self, "/user?name=mal").await;
        self.browser.click("#delete-user").await;
        self.browser.find("#confirm").await;
        self.browser.click("#confirm [type=submit]").await;
        self.browser.find("#errand progress").await;
        self.inspect("admin-errand").await;
        open(self, "/shutdown").await;
        self.browser.click("#shutdown [type=submit]").await;
        self.browser.find("#shutting-down").await;
        self.inspect("admin-shutting-down").await;
    }

    /// Every template and every path at which there is a page has been looked at.
    fn missed(&self) -> Vec<String> {
        let folder = peers::workspace().join("hub/templates");
        let files = std::fs::read_dir(folder).expect("templates");
        let names = files.map(|file| file.expect("a file").file_name().display().to_string());
        let templates = names.filter_map(|name| Some(name.strip_suffix(".html")?.to_owned()));
        // Pieces, the frame of all, and pages that are shown under the name of another.
        let pieces = |name: &String| {
            name.starts_with('_') || ["page", "404", "logout"].contains(&name.as_str())
        };
        let templates = templates.filter(|name| !pieces(name) && !self.templates.contains(name));
        let source = peers::workspace().join("hub/src/http/pages.rs");
        let source = std::fs::read_to_string(source).expect("the routes of the pages");
        let route = Regex::new(r#"&hub\("([^"]*)"\),\s*(?:get|any)\("#).expect("a pattern");
        let argument = Regex::new(r"\\\{[^}]*\\\}").expect("a pattern");
        // What leads elsewhere, is no page, or is the same page at another address.
        let others = [
            "",
            "logout",
            "user/{user}",
            "user/{user}/{*path}",
            "user-redirect/{*path}",
            "metrics",
            "api/metrics",
            "static/{*path}",
            "logo",
        ];
        let routes = route
            .captures_iter(&source)
            .map(|found| found[1].to_owned());
        let routes = routes
            .filter(|path| !others.contains(&path.as_str()))
            .filter(|path| {
                let pattern = argument
                    .replace_all(&regex::escape(path), ".+")
                    .into_owned();
                let pattern = Regex::new(&format!("^/hub/{pattern}$")).expect("a pattern");
                !self.paths.iter().any(|path| pattern.is_match(path))
            });
        templates.chain(routes).collect()
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
    tour.what_administrators_do().await;
    let missed = tour.missed();
    tour.note("the tour", "not looked at", &missed);
    tour.end();
}
