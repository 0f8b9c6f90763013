//! A real browser: Chromium, driven through its driver.

mod inspect;

use std::path::PathBuf;
use std::time::Duration;

use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::{ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Map, Value, json};

use crate::{Process, Sandbox, eventually_ok, eventually_some, peers, within};

pub use inspect::{Look, Tabs, Weight};

/// Longest wait for something to appear on a page. JupyterLab loads a lot, and the machine may be busy.
const APPEARS: Duration = Duration::from_secs(90);

/// One browser with a fresh profile. It is closed when this is dropped.
#[derive(Debug)]
pub struct Browser {
    client: fantoccini::Client,
    // Dropped after the client: first the driver, then everything else that runs in its sandbox.
    driver: Process,
    _sandbox: Sandbox,
}

/// How often the driver and the browser are started. The driver looks for a port that is free for IPv6 and ends when somebody has it
/// for IPv4; Debian's Chromium 148 crashes before it has opened anything about once in 120 starts (seen with two cores and
/// three starts at a time). Nothing of ours has run by then.
const STARTS: usize = 3;

/// Longest wait for a page that comes or goes to be one that the driver can work with.
const SETTLES: Duration = Duration::from_secs(30);

/// What the driver says when a page is just giving way to the next, or has just come: it has done nothing then. Seen under load
/// of Chromium 148's: a screenshot of one page in a thousand (`timeout from aborted by navigation: Not attached to an active page`).
const PASSING: [&str; 3] = [
    "aborted by navigation",
    "Not attached to an active page",
    "no such execution context",
];

/// A page that needs no server.
const BLANK: &str = "data:text/html,<title>ready</title>";

impl Browser {
    /// Starts the driver and the browser.
    ///
    /// # Panics
    /// When either does not start.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same with more command-line arguments of the browser.
    ///
    /// # Panics
    /// When either does not start.
    pub async fn start_with(args: &[String]) -> Self {
        let mut failed = Vec::new();
        while failed.len() < STARTS {
            match Self::try_start(args).await {
                Ok(browser) => return browser,
                Err(why) => failed.push(why),
            }
        }
        panic!("no browser: {failed:#?}");
    }

    async fn try_start(args: &[String]) -> Result<Self, String> {
        let sandbox = Sandbox::new(false);
        let mut command = sandbox.command(peers::chromedriver());
        command.args(["--port=0", "--enable-chrome-logs"]);
        let mut driver = sandbox.start("chromedriver", command);
        let port = eventually_some(APPEARS, "the driver listens or ends", async || {
            let output = driver.output();
            if driver.try_wait().is_some() {
                return Some(Err(format!("chromedriver ended:\n{output}")));
            }
            let (_, rest) = output.split_once("started successfully on port ")?;
            Some(Ok(rest.split_once('.')?.0.parse::<u16>().ok()?))
        })
        .await?;
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities(&sandbox, args))
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .map_err(|error| format!("{error}\n{}", driver.output()))?;
        let browser = Self {
            client,
            driver,
            _sandbox: sandbox,
        };
        browser.shows_itself().await?;
        Ok(browser)
    }

    /// Has the browser paint and run a page of its own, so that each of its processes has been up before it is counted on.
    async fn shows_itself(&self) -> Result<(), String> {
        let failed = |error: CmdError| format!("the browser does not show a page: {error}");
        self.client.goto(BLANK).await.map_err(failed)?;
        let title = self.try_script("return document.title").await;
        let title = title.map_err(failed)?;
        let picture = self.settled(async || self.client.screenshot().await);
        picture.await.map_err(failed)?;
        if title == "ready" {
            Ok(())
        } else {
            Err(format!("the browser shows {title}"))
        }
    }

    /// Opens a page and waits until it is loaded.
    ///
    /// # Panics
    /// When it cannot be loaded.
    pub async fn open(&self, url: &str) {
        self.settled(async || self.client.goto(url).await)
            .await
            .unwrap_or_else(|error| panic!("{url}: {error}"));
    }

    /// Does what leaves nothing behind when it fails, once more when it fails for a page that comes or goes.
    async fn settled<T>(
        &self,
        attempt: impl AsyncFn() -> Result<T, CmdError>,
    ) -> Result<T, CmdError> {
        let passing = |error: &CmdError| {
            let error = error.to_string();
            PASSING.iter().any(|said| error.contains(said))
        };
        within(SETTLES, async || match attempt().await {
            Err(error) if passing(&error) => Err(error),
            ended => Ok(ended),
        })
        .await
        .unwrap_or_else(Err)
    }

    /// Path of the page that is shown.
    pub async fn path(&self) -> String {
        self.client
            .current_url()
            .await
            .expect("a page")
            .path()
            .to_owned()
    }

    /// `host:port` of the page that is shown.
    pub async fn host(&self) -> String {
        let url = self.client.current_url().await.expect("a page");
        let port = url
            .port()
            .map_or_else(String::new, |port| format!(":{port}"));
        format!("{}{port}", url.host_str().unwrap_or_default())
    }

    /// Waits until the page shown has a path for which `wanted` is true.
    ///
    /// # Panics
    /// When it does not; the message says where the browser is instead.
    pub async fn at(&self, what: &str, wanted: impl Fn(&str) -> bool) {
        let what = format!("the browser is at {what}");
        eventually_ok(APPEARS, &what, async || {
            match self.client.current_url().await {
                Ok(url) if wanted(url.path()) => Ok(()),
                Ok(url) => Err(url.to_string()),
                Err(error) => Err(error.to_string()),
            }
        })
        .await;
    }

    /// Waits for an element.
    ///
    /// # Panics
    /// When it does not appear; the message shows the page.
    pub async fn find(&self, css: &str) -> Element {
        match within(APPEARS, || self.client.find(Locator::Css(css))).await {
            Ok(element) => element,
            Err(error) => {
                let picture = self.screenshot("failed").await;
                let (path, text) = (self.path().await, self.text().await);
                panic!(
                    "{css}: {error}\nat {path}, see {}:\n{text}",
                    picture.display()
                );
            }
        }
    }

    /// Whether an element is on the page now.
    pub async fn has(&self, css: &str) -> bool {
        self.client.find(Locator::Css(css)).await.is_ok()
    }

    /// Clicks on an element once it is there and can be clicked.
    pub async fn click(&self, css: &str) {
        self.act(css, "clicked", async |element| element.click().await)
            .await;
    }

    /// Types into an element once it is there and takes keys.
    pub async fn type_into(&self, css: &str, text: &str) {
        self.act(css, "typed into", async |element| {
            element.send_keys(text).await
        })
        .await;
    }

    /// Does something with an element as soon as it is there and allows it: pages build themselves up.
    async fn act(
        &self,
        css: &str,
        done: &str,
        action: impl AsyncFn(&Element) -> Result<(), CmdError>,
    ) {
        let what = format!("{css} can be {done}");
        eventually_ok(APPEARS, &what, async || {
            let element = self.find(css).await;
            action(&element).await
        })
        .await;
    }

    /// The text that is shown.
    ///
    /// # Panics
    /// When there is no page to look at.
    pub async fn text(&self) -> String {
        self.try_text()
            .await
            .unwrap_or_else(|error| panic!("the text of the page: {error}"))
    }

    /// The same, or why there is none.
    async fn try_text(&self) -> Result<String, CmdError> {
        let script = "return document.body ? document.body.innerText : ''";
        let text = self.try_script(script).await?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// Waits until the page shows `text`.
    ///
    /// # Panics
    /// When it does not; the message shows what it shows instead.
    pub async fn shows(&self, text: &str) {
        let what = format!("the page shows {text:?}");
        eventually_ok(APPEARS, &what, async || match self.try_text().await {
            Ok(shown) if shown.contains(text) => Ok(()),
            Ok(shown) => Err(shown),
            Err(error) => Err(error.to_string()),
        })
        .await;
    }

    /// Runs a script in the page and returns its value.
    ///
    /// # Panics
    /// When it fails.
    pub async fn script(&self, script: &str) -> Value {
        self.try_script(script)
            .await
            .unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    async fn try_script(&self, script: &str) -> Result<Value, CmdError> {
        self.settled(async || self.client.execute(script, Vec::new()).await)
            .await
    }

    /// Saves what is shown as `target/artefacts/NAME.png`.
    ///
    /// # Panics
    /// When it cannot be saved.
    pub async fn screenshot(&self, name: &str) -> PathBuf {
        let folder = peers::workspace().join("target/artefacts");
        std::fs::create_dir_all(&folder).expect("target is writable");
        let path = folder.join(format!("{name}.png"));
        let picture = self.settled(async || self.client.screenshot().await).await;
        let picture = picture.expect("a screenshot");
        std::fs::write(&path, picture).expect("target is writable");
        path
    }

    /// The driver's client, for what is not wrapped here.
    #[must_use]
    pub fn client(&self) -> &fantoccini::Client {
        &self.client
    }
}

/// Whoever reads of a test that failed sees whether the browser was still there.
impl Drop for Browser {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the browser and its driver:\n{}", self.driver.output());
        }
    }
}

fn capabilities(sandbox: &Sandbox, more: &[String]) -> Map<String, Value> {
    let profile = sandbox.dir().join("profile");
    let profile = format!("--user-data-dir={}", profile.display());
    let mut args: Vec<String> = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
        "--window-size=1200,800",
        &profile,
    ]
    .map(str::to_owned)
    .into();
    args.extend_from_slice(more);
    let options = json!({ "binary": "/usr/bin/chromium", "args": args });
    let mut capabilities = Map::new();
    capabilities.insert("goog:chromeOptions".to_owned(), options);
    let console = json!({ "browser": "ALL" });
    capabilities.insert("goog:loggingPrefs".to_owned(), console);
    capabilities
}
