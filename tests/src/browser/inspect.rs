//! What a browser can tell of a page beyond its text: how it looks in other windows and colours, whether everything can be
//! reached by keyboard, what was loaded, what was said on the console, and what axe-core finds wrong.

use std::path::PathBuf;
use std::time::Duration;

use fantoccini::key::Key;
use fantoccini::wd::WebDriverCompatibleCommand;
use reqwest::Method;
use serde_json::{Value, json};
use url::{ParseError, Url};

use super::Browser;
use crate::{eventually_ok, peers};

/// A window and the colours that its owner likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// For file names and messages.
    pub name: &'static str,
    /// Width of the window in CSS pixels.
    pub width: u32,
    /// Height of the window in CSS pixels.
    pub height: u32,
    /// Whether the system is set to dark colours.
    pub dark: bool,
}

impl Look {
    /// A desktop and the narrowest phone, light and dark. 320 pixels are what WCAG 2.2 asks for (1.4.10).
    pub const ALL: [Self; 4] = [
        Self::new("desktop-light", 1280, 900, false),
        Self::new("phone-dark", 320, 640, true),
        Self::new("phone-light", 320, 640, false),
        Self::new("desktop-dark", 1280, 900, true),
    ];

    /// What axe-core is asked in this look: in two of them everything (WCAG 2.2 A and AA, its own good practice), in the other
    /// two, where nothing but the colours is new, the colours.
    #[must_use]
    pub fn judged(self) -> &'static [&'static str] {
        match (self.width, self.dark) {
            (1280, false) | (320, true) => ALL_RULES,
            _ => &["cat.color"],
        }
    }

    const fn new(name: &'static str, width: u32, height: u32, dark: bool) -> Self {
        Self {
            name,
            width,
            height,
            dark,
        }
    }
}

/// Longest wait for the focus to be where it should be.
const FOCUSES: Duration = Duration::from_secs(30);

/// Tags of rules of axe-core.
const ALL_RULES: &[&str] = &[
    "wcag2a",
    "wcag2aa",
    "wcag21a",
    "wcag21aa",
    "wcag22aa",
    "best-practice",
];

/// What was loaded for a page, with the page itself.
#[derive(Debug, Clone, Default)]
pub struct Weight {
    /// Bytes on the wire, without heads.
    pub bytes: u64,
    /// Addresses that are not on the page's own origin.
    pub foreign: Vec<String>,
}

/// What the Tab key comes to.
#[derive(Debug, Clone, Default)]
pub struct Tabs {
    /// How many elements can be focused.
    pub known: u64,
    /// Those that Tab does not come to.
    pub missed: Vec<String>,
    /// Those where nothing shows that they are focused.
    pub unseen: Vec<String>,
}

/// A command of Chromium's driver that WebDriver does not have.
#[derive(Debug)]
struct Own {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Own {
    fn endpoint(&self, base_url: &Url, session_id: Option<&str>) -> Result<Url, ParseError> {
        base_url.join(&format!(
            "session/{}/{}",
            session_id.unwrap_or_default(),
            self.path
        ))
    }

    fn method_and_body(&self, _url: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}

/// Puts the focus before everything, notes where it goes, and gives back how many elements it should come to.
const WATCH_FOCUS: &str = r"
const shown = (e) => e.checkVisibility({ visibilityProperty: true }) && e.getClientRects().length > 0;
const all = [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex]')]
  .filter((e) => e.tabIndex >= 0 && !e.disabled && e.type !== 'hidden' && shown(e))
  .filter((e) => e.type !== 'radio' || e.checked || !document.querySelector(`input[name='${e.name}']:checked`));
window.tabs = { all, seen: new Set(), unseen: [] };
document.addEventListener('focusin', ({ target }) => {
  if (window.tabs.seen.has(target)) return;
  window.tabs.seen.add(target);
  const style = getComputedStyle(target);
  const ring = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
  const box = target.getBoundingClientRect();
  if (!ring || box.width < 1 || box.height < 1) window.tabs.unseen.push(target.outerHTML.slice(0, 200));
});
document.activeElement?.blur();
document.body.tabIndex = -1;
document.body.focus();
document.body.removeAttribute('tabindex');
return all.length;
";

const FOCUS_SEEN: &str = r"
const { all, seen, unseen } = window.tabs;
// The link past the navigation lies over the rest as long as it has the focus.
document.activeElement?.blur();
// A list that looks again by itself may have been replaced meanwhile.
return { missed: all.filter((e) => e.isConnected && !seen.has(e)).map((e) => e.outerHTML.slice(0, 200)), unseen };
";

const WEIGHT: &str = r"
const entries = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
const here = (url) => new URL(url).origin === location.origin || url.startsWith('data:');
return {
  bytes: entries.filter((e) => e.initiatorType !== 'fetch').reduce((sum, e) => sum + e.encodedBodySize, 0),
  foreign: entries.map((e) => e.name).filter((url) => !here(url)),
};
";

/// Scripts, styles and handlers that stand in the page itself.
const INLINE: &str = r"
const inline = (e) => e.matches('script:not([src]), style') || [...e.attributes].some((a) => a.name === 'style' || a.name.startsWith('on'));
return [...document.querySelectorAll('*')].filter(inline).map((e) => e.outerHTML.slice(0, 160));
";

/// What moves for longer than a moment.
const MOVING: &str = r"
// What is folded away does not move on until somebody opens it.
const shown = (a) => a.effect.target.checkVisibility();
const moves = (a) => a.playState === 'running' && shown(a) && !(a.effect.getComputedTiming().endTime < 100);
return document.getAnimations().filter(moves).map((a) => a.effect.target.outerHTML.slice(0, 160));
";

/// What is wider than the window, if anything is.
const TOO_WIDE: &str = r"
if (document.documentElement.scrollWidth <= innerWidth) return [];
return [...document.querySelectorAll('body *')]
  .filter((e) => e.getBoundingClientRect().right > innerWidth + 0.5)
  .map((e) => e.outerHTML.slice(0, 160));
";

const RUN_AXE: &str = r"
const done = arguments[arguments.length - 1];
axe.run(document, { rules: { 'color-contrast-enhanced': { enabled: false } }, runOnly: { type: 'tag', values: arguments[0] }, resultTypes: ['violations'] }).then(
  ({ violations }) => done(violations.map((v) =>
    `${v.id} (${v.impact}): ${v.help}\n` + v.nodes.map((n) => `  ${n.html.slice(0, 300)}\n  ${n.failureSummary}`).join('\n'))),
  (error) => done([`axe: ${error}`]),
);
";

/// Waits for colours that are on their way: half way, nothing can be said about them.
const SETTLED: &str = r"
const ended = document.getAnimations().filter((a) => a instanceof CSSTransition).map((a) => a.finished.catch(() => null));
// One of an element that was taken away meanwhile may never end.
    const limit = new Promise((done) => setTimeout(done, 1000));
    return Promise.race([Promise.all(ended), limit]).then(() => true);
";

fn texts(value: &Value) -> Vec<String> {
    let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |item: &Value| {
        item.as_str()
            .map_or_else(|| item.to_string(), str::to_owned)
    };
    items.iter().map(text).collect()
}

impl Browser {
    async fn own(&self, path: &'static str, body: Value) -> Value {
        let answer = self.settled(async || {
            let body = body.clone();
            self.client().issue_cmd(Own { path, body }).await
        });
        answer
            .await
            .unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// A command of the DevTools protocol.
    pub async fn devtools(&self, command: &str, params: Value) -> Value {
        let body = json!({ "cmd": command, "params": params });
        self.own("goog/cdp/execute", body).await
    }

    /// Changes window and colours, and waits until that is what is shown.
    pub async fn look(&self, look: Look) {
        let window = json!({
            "width": look.width, "height": look.height, "deviceScaleFactor": 1, "mobile": false,
        });
        self.devtools("Emulation.setDeviceMetricsOverride", window)
            .await;
        let colours = if look.dark { "dark" } else { "light" };
        self.media(&[("prefers-color-scheme", colours)]).await;
        self.script(SETTLED).await;
    }

    /// What the visitor's system wishes.
    pub async fn media(&self, features: &[(&str, &str)]) {
        let features: Vec<_> = features
            .iter()
            .map(|(name, value)| json!({ "name": name, "value": value }))
            .collect();
        self.devtools(
            "Emulation.setEmulatedMedia",
            json!({ "features": features }),
        )
        .await;
    }

    /// Turns scripts of pages off, or on again, from the next page on.
    pub async fn scripts(&self, on: bool) {
        let off = json!({ "value": !on });
        self.devtools("Emulation.setScriptExecutionDisabled", off)
            .await;
    }

    /// What has been said on the console since the last call: errors and warnings.
    pub async fn console(&self) -> Vec<String> {
        let log = self.own("se/log", json!({ "type": "browser" })).await;
        let entries = log.as_array().cloned().unwrap_or_default();
        entries
            .iter()
            .filter(|entry| matches!(entry["level"].as_str(), Some("SEVERE" | "WARNING")))
            .map(|entry| entry["message"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// What axe-core says against the page as it is shown now, by the rules with these tags.
    ///
    /// # Panics
    /// When axe-core cannot run.
    pub async fn violations(&self, tags: &[&str]) -> Vec<String> {
        if self.script("return typeof axe === 'undefined'").await == json!(true) {
            let source = std::fs::read_to_string(peers::axe()).expect("axe-core is text");
            self.script(&source).await;
        }
        let axe = async || {
            self.client()
                .execute_async(RUN_AXE, vec![json!(tags)])
                .await
        };
        let found = self.settled(axe).await;
        texts(&found.unwrap_or_else(|error| panic!("axe-core: {error}")))
    }

    /// Scripts, styles and handlers that stand in the page itself, where none should.
    pub async fn inline(&self) -> Vec<String> {
        texts(&self.script(INLINE).await)
    }

    /// What moves on the page now, beyond a moment.
    pub async fn moving(&self) -> Vec<String> {
        texts(&self.script(MOVING).await)
    }

    /// Presses keys where the focus is.
    ///
    /// # Panics
    /// When no key can be pressed.
    pub async fn press(&self, keys: &str) {
        let active = self.client().active_element().await.expect("a page");
        active.send_keys(keys).await.expect("keys");
    }

    /// Waits until an element has the focus.
    ///
    /// # Panics
    /// When it does not get it; the message says what has it instead.
    pub async fn focused(&self, css: &str) {
        let there = format!(
            "const has = document.activeElement; return has?.matches({css:?}) || has?.outerHTML.slice(0, 200)"
        );
        let what = format!("the focus is on {css}");
        eventually_ok(FOCUSES, &what, async || {
            match self.try_script(&there).await {
                Ok(Value::Bool(true)) => Ok(()),
                Ok(elsewhere) => Err(elsewhere.to_string()),
                Err(error) => Err(error.to_string()),
            }
        })
        .await;
    }

    /// Presses Tab until the focus is on an element.
    ///
    /// # Panics
    /// When it does not come there within a hundred presses.
    pub async fn tab_to(&self, css: &str) {
        self.find(css).await;
        let there = format!("return document.activeElement.matches({css:?})");
        for _ in 0..100 {
            if self.script(&there).await == json!(true) {
                return;
            }
            self.press(&char::from(Key::Tab).to_string()).await;
        }
        panic!("Tab does not come to {css}");
    }

    /// Elements that make the page scroll sideways.
    pub async fn too_wide(&self) -> Vec<String> {
        texts(&self.script(TOO_WIDE).await)
    }

    /// What was loaded for the page so far; what its scripts fetched later counts as foreign or not, but not by weight.
    pub async fn weight(&self) -> Weight {
        let found = self.script(WEIGHT).await;
        Weight {
            bytes: found["bytes"].as_u64().unwrap_or(u64::MAX),
            foreign: texts(&found["foreign"]),
        }
    }

    /// Presses Tab until it has come by everything.
    ///
    /// # Panics
    /// When no key can be pressed.
    pub async fn tabs(&self) -> Tabs {
        let known = self.script(WATCH_FOCUS).await.as_u64().unwrap_or_default();
        let count = usize::try_from(known).unwrap_or_default() + 3;
        let keys = String::from(char::from(Key::Tab)).repeat(count);
        let active = self.client().active_element().await.expect("a page");
        active.send_keys(&keys).await.expect("keys");
        let found = self.script(FOCUS_SEEN).await;
        Tabs {
            known,
            missed: texts(&found["missed"]),
            unseen: texts(&found["unseen"]),
        }
    }

    /// Saves the whole page, however long, as `target/artefacts/NAME.png`.
    ///
    /// # Panics
    /// When it cannot be saved.
    pub async fn picture(&self, name: &str) -> PathBuf {
        let size = "document.activeElement?.blur(); scrollTo(0, 0); return [innerWidth, document.documentElement.scrollHeight]";
        let size = self.script(size).await;
        let clip = json!({ "x": 0, "y": 0, "width": size[0], "height": size[1], "scale": 1 });
        let wanted = json!({ "captureBeyondViewport": true, "clip": clip });
        let shot = self.devtools("Page.captureScreenshot", wanted).await;
        let data = shot["data"].as_str().expect("a picture");
        let data = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, data);
        let folder = peers::workspace().join("target/artefacts");
        std::fs::create_dir_all(&folder).expect("target is writable");
        let path = folder.join(format!("{name}.png"));
        std::fs::write(&path, data.expect("base64")).expect("target is writable");
        path
    }
}
