//! One browser that goes from page to page and looks at each: on a desktop and on the narrowest phone, light and dark. Nothing
//! that axe-core finds wrong, nothing wider than the window, everything within reach of the Tab key and visibly so, nothing on
//! the console, nothing inline, nothing from elsewhere, nothing that moves where that is not wanted, less than 100 KB.
//!
//! `E2E_PICTURES=1` writes a picture of each to `target/artefacts/page-*.png`.

use std::collections::BTreeSet;

use e2e::{Browser, Look, Stack};
use hub_types::env::{EnvSource as _, ProcessEnv};
use serde_json::json;

use super::log_in;

/// What people may be called and write into names and notes, and what must be shown as nothing but text.
pub(super) const HOSTILE: &str = "<img src=x onerror=alert(1)>'\"&{{7*7}}";

/// What Chromium says of it over plain HTTP: a warning for whoever runs the hub so.
const UNTRUSTWORTHY: &str = "Cross-Origin-Opener-Policy header has been ignored, because the URL's origin was untrustworthy";

/// The most that a page weighs, with everything that is loaded for it, in bytes.
const HEAVIEST: u64 = 100_000;

/// One walk through all pages with one browser; what is wrong is gathered, so that one run tells all of it.
pub(super) struct Tour<'a> {
    pub(super) stack: &'a Stack,
    pub(super) browser: Browser,
    pictures: bool,
    wrong: Vec<String>,
    /// The templates that were looked at, and the paths at which they were.
    pub(super) templates: BTreeSet<String>,
    pub(super) paths: BTreeSet<String>,
}

impl<'a> Tour<'a> {
    pub(super) async fn begin(stack: &'a Stack) -> Self {
        Self {
            stack,
            browser: stack.browser().await,
            pictures: ProcessEnv.get("E2E_PICTURES").is_some(),
            wrong: Vec::new(),
            templates: BTreeSet::new(),
            paths: BTreeSet::new(),
        }
    }

    pub(super) async fn visit(&mut self, name: &str, path: &str) {
        self.browser.console().await;
        self.browser
            .open(&format!("{}{path}", self.stack.url()))
            .await;
        self.inspect(name).await;
    }

    pub(super) fn note(&mut self, page: &str, what: &str, found: &[String]) {
        if !found.is_empty() {
            self.wrong
                .push(format!("{page}: {what}:\n{}", found.join("\n")));
        }
    }

    /// Looks at the page that is shown.
    pub(super) async fn inspect(&mut self, name: &str) {
        self.remember().await;
        let weight = self.browser.weight().await;
        self.note(name, "from elsewhere", &weight.foreign);
        let inline = self.browser.inline().await;
        self.note(name, "inline", &inline);
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
        self.browser
            .media(&[("prefers-reduced-motion", "reduce")])
            .await;
        let moving = self.browser.moving().await;
        self.note(name, "moves all the same", &moving);
        self.browser.look(Look::ALL[0]).await;
        self.listen(name).await;
    }

    /// Nothing has been said on the console, but that a page about an error comes with its status, and that a policy cannot
    /// hold where there is no https.
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
            .filter(|line| !about_itself(line) && !line.contains(UNTRUSTWORTHY))
            .collect();
        self.note(name, "on the console", &said);
    }

    async fn remember(&mut self) {
        let class = self.browser.script("return document.body.className").await;
        let class = class.as_str().unwrap_or_default();
        if let Some(template) = class.strip_prefix("page-") {
            self.templates.insert(template.to_owned());
        }
        self.paths.insert(self.browser.path().await);
    }

    /// Opens all that can be opened on the page, and looks at it.
    pub(super) async fn inspect_opened(&mut self, name: &str) {
        let open = "for (const all of document.querySelectorAll('main details')) all.open = true";
        self.browser.script(open).await;
        self.inspect(name).await;
    }

    pub(super) async fn become_user(&self, user: &str) {
        self.browser
            .open(&format!("{}hub/logout", self.stack.url()))
            .await;
        log_in(&self.browser, self.stack, user).await;
        self.browser.console().await;
    }

    /// Says all that was found wrong.
    pub(super) fn end(mut self) {
        let reports = self.stack.log();
        let reports = reports.matches("Content security policy violation").count();
        if reports > 0 {
            self.wrong.push(format!("{reports} reports of the browser"));
        }
        assert!(self.wrong.is_empty(), "{}", self.wrong.join("\n\n"));
    }
}
