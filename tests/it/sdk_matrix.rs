//! Our SDK and JupyterHub's Python classes side by side behind one hub: the same requests, the same answers.
//!
//! Every combination of method, credential, `Accept` and Fetch Metadata is sent to two services that do the same. Where the
//! answers differ, the difference must be one of those listed in [`difference`], with its reason; and each of those must
//! occur.

use std::collections::{BTreeMap, BTreeSet};

use e2e::{Client, Stack, peers, programs};
use futures_util::StreamExt as _;
use futures_util::stream;
use reqwest::Method;

use crate::spec;

/// What comes with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Credential {
    Nothing,
    Token,
    Bearer,
    Narrow,
    Unknown,
    Basic,
    InUrl,
    Junk,
    Cookie,
    CookieAndXsrf,
    CookieAndWrongXsrf,
    CookieAndToken,
    CookieAndUnknown,
}

use Credential::*;

const CREDENTIALS: [Credential; 13] = [
    Nothing,
    Token,
    Bearer,
    Narrow,
    Unknown,
    Basic,
    InUrl,
    Junk,
    Cookie,
    CookieAndXsrf,
    CookieAndWrongXsrf,
    CookieAndToken,
    CookieAndUnknown,
];

/// `Sec-Fetch-Mode`, `Sec-Fetch-Site`; empty: not sent.
const FETCHES: [(&str, &str); 10] = [
    ("", ""),
    ("navigate", "none"),
    ("navigate", "cross-site"),
    ("cors", "same-origin"),
    ("cors", "cross-site"),
    ("same-origin", "same-origin"),
    ("no-cors", "same-origin"),
    ("no-cors", "cross-site"),
    ("websocket", "same-origin"),
    ("websocket", "cross-site"),
];

const ACCEPTS: [&str; 3] = ["text/html,*/*;q=0.8", "application/json", ""];

/// One request.
#[derive(Debug, Clone)]
struct Case {
    method: Method,
    credential: Credential,
    fetch: (&'static str, &'static str),
    accept: &'static str,
}

/// Why an answer of ours may differ. Each is in docs/compat.md.
fn difference(case: &Case) -> Option<&'static str> {
    let (mode, site) = case.fetch;
    let get = case.method == Method::GET;
    let by_cookie = matches!(
        case.credential,
        Cookie | CookieAndXsrf | CookieAndWrongXsrf | CookieAndUnknown
    );
    match (mode, case.credential) {
        ("websocket", InUrl) if !get => {
            Some("a token in the URL counts for WebSocket handshakes, which are GETs")
        }
        ("websocket", _) if by_cookie && get && site == "cross-site" => {
            Some("a WebSocket of a foreign page cannot use the visitor's cookie")
        }
        ("websocket", Cookie | CookieAndWrongXsrf | CookieAndUnknown) if !get => Some(
            "a request that is no WebSocket handshake needs the XSRF value, whatever it says of itself",
        ),
        _ => None,
    }
}

/// The tokens and cookies of one test, for one service.
struct Wallet {
    good: String,
    narrow: String,
    cookies: String,
    xsrf: String,
}

impl Case {
    fn all(credentials: &[Credential]) -> Vec<Self> {
        let mut cases = Vec::new();
        for method in [
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
            Method::OPTIONS,
        ] {
            for &credential in credentials {
                for fetch in FETCHES {
                    for accept in ACCEPTS {
                        cases.push(Self {
                            method: method.clone(),
                            credential,
                            fetch,
                            accept,
                        });
                    }
                }
            }
        }
        cases
    }

    async fn ask(&self, client: &Client, path: &str, wallet: &Wallet) -> String {
        let Wallet {
            good,
            narrow,
            cookies,
            xsrf,
        } = wallet;
        let path = match self.credential {
            InUrl => format!("{path}?token={good}"),
            _ => path.to_owned(),
        };
        let mut headers: Vec<(&str, String)> = vec![("accept", self.accept.to_owned())];
        let (mode, site) = self.fetch;
        headers.push(("sec-fetch-mode", mode.to_owned()));
        headers.push(("sec-fetch-site", site.to_owned()));
        match self.credential {
            Nothing | InUrl => {}
            Token => headers.push(("authorization", format!("token {good}"))),
            Bearer => headers.push(("authorization", format!("bEaReR  {good}"))),
            Narrow => headers.push(("authorization", format!("token {narrow}"))),
            Unknown => headers.push(("authorization", "token unknown".into())),
            Basic => headers.push(("authorization", "Basic bWFsOng=".into())),
            Junk => headers.push(("authorization", "token".into())),
            _ => headers.push(("cookie", cookies.clone())),
        }
        match self.credential {
            CookieAndXsrf => headers.push(("x-xsrftoken", xsrf.clone())),
            CookieAndWrongXsrf => headers.push(("x-xsrftoken", "wrong".into())),
            CookieAndToken => headers.push(("authorization", format!("token {good}"))),
            CookieAndUnknown => headers.push(("authorization", "token unknown".into())),
            _ => {}
        }
        let mut request = client.request(self.method.clone(), &path);
        for (name, value) in headers.into_iter().filter(|(_, value)| !value.is_empty()) {
            request = request.header(name, value);
        }
        let reply = client.send(request).await;
        if (300..400).contains(&reply.status) {
            format!("{} {}", reply.status, target(reply.location()))
        } else {
            reply.status.to_string()
        }
    }
}

/// A redirect without what is random, and without what names the service.
fn target(location: &str) -> String {
    let (path, query) = location.split_once('?').unwrap_or((location, ""));
    let parameters: BTreeSet<String> = url::form_urlencoded::parse(query.as_bytes())
        .map(|(key, value)| match &*key {
            "state" | "code_challenge" => key.into_owned(),
            _ => format!(
                "{key}={}",
                value.replace("ours-", "X-").replace("python-", "X-")
            ),
        })
        .collect();
    format!("{path} {parameters:?}")
}

/// Two services that do the same, called `ours-KIND` and `python-KIND`.
fn services(kind: &str) -> String {
    let script = peers::workspace().join("tests/peers/echo_service.py");
    let python = peers::python("python").display().to_string();
    let ours = programs::path("echo-service").display().to_string();
    let mut config = spec::service(&format!("ours-{kind}"), &[ours.as_str(), kind]);
    config += &spec::service(
        &format!("python-{kind}"),
        &[python.as_str(), script.to_str().expect("UTF-8"), kind],
    );
    config
}

async fn compare(stack: &Stack, kind: &str, credentials: &[Credential], wallets: [Wallet; 2]) {
    let client = &stack.client();
    let paths = ["ours", "python"].map(|who| format!("services/{who}-{kind}/"));
    let (paths, wallets) = (&paths, &wallets);
    let cases = Case::all(credentials);
    let answers: Vec<_> = stream::iter(cases)
        .map(|case| async move {
            let ours = case.ask(client, &paths[0], &wallets[0]).await;
            let theirs = case.ask(client, &paths[1], &wallets[1]).await;
            (case, ours, theirs)
        })
        .buffer_unordered(8)
        .collect()
        .await;
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    let mut statuses: BTreeMap<String, usize> = BTreeMap::new();
    for (case, ours, theirs) in &answers {
        *statuses.entry(theirs[..3].to_owned()).or_default() += 1;
        match (ours == theirs, difference(case)) {
            (true, None) => {}
            (false, Some(reason)) => *reasons.entry(reason).or_default() += 1,
            (equal, _) => wrong.push(format!(
                "{case:?}: ours {ours}, theirs {theirs}, equal {equal}"
            )),
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} differ:\n{}",
        wrong.len(),
        answers.len(),
        wrong
            .iter()
            .take(40)
            .cloned()
            .collect::<Vec<_>>()
            .join("\n")
    );
    assert!(
        statuses.len() >= 2,
        "the table says something: {statuses:?}"
    );
    if kind == "login" {
        assert_eq!(
            reasons.len(),
            3,
            "every listed difference occurs: {reasons:?}"
        );
    }
}

async fn wallets(stack: &Stack, kind: &str) -> [Wallet; 2] {
    let api = stack.api();
    api.ensure_user("mal").await;
    let mut wallets = Vec::new();
    for who in ["ours", "python"] {
        let path = format!("/services/{who}-{kind}/");
        let mut visitor = stack.visitor();
        let mut xsrf = String::new();
        if kind == "login" {
            visitor.login("mal", "x").await;
            let page = visitor.open(&path).await.expect(200);
            assert_eq!(page.body, "mal");
            xsrf = visitor
                .jar
                .get("_xsrf", &path)
                .expect("its cookie")
                .value
                .clone();
        }
        wallets.push(Wallet {
            good: api.new_token("mal", &[]).await,
            narrow: api.new_token("mal", &["read:users:name!user=mal"]).await,
            cookies: visitor.jar.header(&path).unwrap_or_default(),
            xsrf,
        });
    }
    wallets.try_into().unwrap_or_else(|_| panic!("two of them"))
}

#[tokio::test]
async fn our_sdk_answers_as_the_python_classes_do() {
    let stack = Stack::builder()
        .config(&services("tokens"))
        .config(&services("login"))
        .config(spec::USERS_MAY_OPEN_SERVICES)
        .start()
        .await;
    for kind in ["tokens", "login"] {
        for who in ["ours", "python"] {
            stack.service_is_up(&format!("{who}-{kind}")).await;
        }
    }
    let wallet = wallets(&stack, "tokens").await;
    compare(&stack, "tokens", &CREDENTIALS[..8], wallet).await;
    let wallet = wallets(&stack, "login").await;
    compare(&stack, "login", &CREDENTIALS, wallet).await;
}
