//! The API called with a login cookie: with and without the anti-forgery value, from own and foreign pages, with several
//! types of content; and sessions that are over.

use e2e::Visitor;
use reqwest::Method;

use super::answer::Answer;
use super::callers::Caller;
use super::deviations::Suite;
use super::oauth;
use super::report::{Exchange, Report};
use super::world::{self, Request, World};

/// Named answers of one hub.
pub(super) type Answers = Vec<(String, Answer)>;

#[tokio::test]
async fn browsers_are_answered_as_jupyterhub_answers_them() {
    let (theirs, ours) = world::both(&[Caller::User], &[false; oauth::USERS]).await;
    let mut report = Report::new(Suite::Browsers);
    let (their_answers, our_answers) = tokio::join!(everything(&theirs), everything(&ours));
    for ((call, theirs), (_, ours)) in their_answers.into_iter().zip(our_answers) {
        report.add(Exchange {
            call,
            caller: "browser".to_owned(),
            expected: None,
            theirs,
            ours,
        });
    }
    report.judge();
}

async fn everything(world: &World) -> Answers {
    let mut answers = cookie_calls(world).await;
    answers.extend(ended_sessions(world).await);
    answers.extend(oauth::all(world).await);
    answers
}

/// Calls that show what is allowed; none of them changes what another one sees.
const CALLS: &[&str] = &[
    "GET /user",
    "GET /users/{user}",
    "GET /users",
    "GET /nope",
    "GET /",
    "OPTIONS /user",
    "POST /users/{user}/tokens",
    "POST /users/{user}/activity {\"last_activity\": \"2026-01-01T00:00:00Z\"}",
    "POST /users/{user}/activity",
    "PATCH /users/{user} {\"admin\": true}",
    "DELETE /users/{user}/tokens/a0",
    "POST /nope",
    "POST /shutdown {\"proxy\": \"maybe\"}",
    "POST /authorizations/token",
    "GET /authorizations/token/none",
];

/// How the anti-forgery value is shown.
const SHOWN: &[&str] = &[
    "nothing",
    "header",
    "other header",
    "argument",
    "wrong",
    "empty",
];

/// `Sec-Fetch-Mode`, `Sec-Fetch-Site` and `Origin`, as browsers send them.
const PAGES: &[(&str, &str, &str)] = &[
    ("", "", ""),
    ("cors", "same-origin", ""),
    ("cors", "cross-site", "http://evil.example"),
    ("same-origin", "same-origin", ""),
    ("no-cors", "same-origin", ""),
    ("no-cors", "cross-site", ""),
    ("no-cors", "same-site", ""),
    ("navigate", "none", ""),
    ("navigate", "cross-site", ""),
    ("navigate", "same-origin", ""),
    ("websocket", "same-origin", ""),
    ("", "", "http://evil.example"),
    ("", "", "null"),
];

const CONTENTS: &[&str] = &[
    "application/json",
    "application/json; charset=utf-8",
    "Application/JSON",
    "text/plain",
    "text/plain; application/json",
    "application/x-www-form-urlencoded",
    "application/jsonp",
    "nonsense",
];

/// Cookies as a request sends them, and the anti-forgery value.
#[derive(Debug, Clone)]
pub(super) struct Cookies {
    pub(super) header: String,
    pub(super) xsrf: String,
}

impl Cookies {
    /// Those that a visitor has after having seen a page of the hub.
    pub(super) async fn of(visitor: &mut Visitor) -> Self {
        visitor.get("hub/home").await.expect(200);
        let xsrf = visitor.jar.get("_xsrf", "/hub/").expect("an XSRF cookie");
        Self {
            xsrf: xsrf.value.trim_matches('"').to_owned(),
            header: visitor.jar.header("/hub/api/").expect("cookies"),
        }
    }
}

/// Somebody who has logged in.
pub(super) async fn visitor(world: &World, user: &str) -> Visitor {
    let mut visitor = world.stack.visitor();
    visitor.login(user, "x").await;
    visitor
}

fn call(line: &str) -> Request {
    let mut words = line.splitn(3, ' ');
    let method = words.next().unwrap_or_default();
    Request {
        method: Method::from_bytes(method.as_bytes()).expect("a method"),
        path: words.next().unwrap_or_default().to_owned(),
        body: words.next().map(|body| body.as_bytes().to_vec()),
        ..Request::default()
    }
}

fn add(request: &mut Request, name: &str, value: &str) {
    if !value.is_empty() {
        request.headers.push((name.to_owned(), value.to_owned()));
    }
}

fn show(request: &mut Request, shown: &str, xsrf: &str) {
    let argument = |value: &str| {
        let value: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
        format!("?_xsrf={value}")
    };
    match shown {
        "header" => add(request, "x-xsrftoken", xsrf),
        "other header" => add(request, "x-csrftoken", xsrf),
        "argument" => request.path.push_str(&argument(xsrf)),
        "wrong" => add(request, "x-xsrftoken", "2|wrong|value"),
        "empty" => request.path.push_str(&argument("")),
        _ => {}
    }
}

async fn cookie_calls(world: &World) -> Answers {
    let target = &world.targets[0];
    let cookies = Cookies::of(&mut visitor(world, &target.user).await).await;
    let mut requests = Vec::new();
    for line in CALLS {
        for shown in SHOWN {
            for (mode, site, origin) in PAGES {
                let mut request = call(line);
                show(&mut request, shown, &cookies.xsrf);
                add(&mut request, "sec-fetch-mode", mode);
                add(&mut request, "sec-fetch-site", site);
                add(&mut request, "origin", origin);
                let from = format!("[{mode} {site} {origin}]").replace("  ", " ");
                requests.push((format!("{line} shows {shown} from {from}"), request));
            }
        }
        for content in CONTENTS {
            let mut request = call(line);
            show(&mut request, "header", &cookies.xsrf);
            add(&mut request, "content-type", content);
            requests.push((format!("{line} with {content}"), request));
        }
    }
    let mut answers = Vec::new();
    for (name, mut request) in requests {
        add(&mut request, "cookie", &cookies.header);
        let reply = world.ask_as(None, target, &request).await;
        answers.push((name, Answer::of(&reply, target)));
    }
    answers
}

/// What is left of a session after logging out, and of cookies that somebody has changed.
async fn ended_sessions(world: &World) -> Answers {
    let target = &world.targets[0];
    let mut visitor = visitor(world, &target.user).await;
    let cookies = Cookies::of(&mut visitor).await;
    let forged = cookies
        .header
        .replace("jupyterhub-hub-login=", "jupyterhub-hub-login=x");
    let login_only: Vec<_> = cookies
        .header
        .split("; ")
        .filter(|cookie| cookie.starts_with("jupyterhub-hub-login"))
        .collect();
    let mut answers = Vec::new();
    let mut ask = async |name: &str, line: &str, header: &str, origin: &str| {
        let mut request = call(line);
        add(&mut request, "x-xsrftoken", &cookies.xsrf);
        add(&mut request, "cookie", header);
        add(&mut request, "origin", origin);
        let reply = world.ask_as(None, target, &request).await;
        let name = format!("{line} with {name} {origin}");
        answers.push((name.trim().to_owned(), Answer::of(&reply, target)));
    };
    for line in ["GET /user", "POST /users/{user}/tokens"] {
        for origin in ["", "http://evil.example"] {
            ask("cookies", line, &cookies.header, origin).await;
            ask("forged cookies", line, &forged, origin).await;
            ask(
                "the login cookie alone",
                line,
                &login_only.join("; "),
                origin,
            )
            .await;
            ask("no cookies", line, "", origin).await;
        }
    }
    visitor.get("hub/logout").await.expect(302);
    for line in ["GET /user", "POST /users/{user}/tokens"] {
        ask("cookies of an ended session", line, &cookies.header, "").await;
    }
    answers
}
