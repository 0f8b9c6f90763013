//! Odd requests: malformed bodies, unknown names, pages and filters, wrong methods, slashes, headers.
//!
//! Each case is a line: who asks (`nobody`, `user`, `friend`; else a service with every scope), headers in
//! brackets, method, path, body. What only reads is asked first. What may change something has a user, a group, a token
//! and a server of its own, and afterwards the user (and the group) are read back: both hubs must have done the same.

mod groups;
mod lists;
mod methods;
mod servers;
mod shares;
mod tokens;
mod users;

use futures_util::{StreamExt as _, stream};
use reqwest::Method;

use super::answer::Answer;
use super::callers::Caller;
use super::deviations::Suite;
use super::model::expected;
use super::operations::{Needs, OPERATIONS};
use super::report::{Exchange, Report};
use super::targets::Target;
use super::world::{self, AT_ONCE, Request, World};

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Nobody,
    /// The user that is named in the path.
    User,
    Friend,
    Service,
}

/// One case, read from its line.
#[derive(Debug, Clone)]
struct Case {
    line: String,
    who: Who,
    request: Request,
}

impl Case {
    /// Reads `[who] [header: value] METHOD /path [body]`.
    fn read(line: &str) -> Self {
        let mut rest = line;
        let mut word = |end: char| {
            let (word, after) = rest.split_once(end).unwrap_or((rest, ""));
            rest = after;
            word
        };
        let mut first = word(' ');
        let who = match first {
            "nobody" => Who::Nobody,
            "user" => Who::User,
            "friend" => Who::Friend,
            _ => Who::Service,
        };
        if who != Who::Service {
            first = word(' ');
        }
        let mut headers = Vec::new();
        let mut method = first.to_owned();
        while let Some(name) = method.strip_prefix('[') {
            let name = name.trim_end_matches(':').to_owned();
            headers.push((name, word(']').to_owned()));
            word(' ');
            word(' ').clone_into(&mut method);
        }
        let path = word(' ').to_owned();
        Self {
            line: line.to_owned(),
            who,
            request: Request {
                method: Method::from_bytes(method.as_bytes()).expect("a method"),
                path,
                headers,
                body: (!rest.is_empty()).then(|| body(rest)),
            },
        }
    }

    /// Whether it may change something. Nobody can, except with a password.
    fn may_change(&self) -> bool {
        let reads = [Method::GET, Method::HEAD, Method::OPTIONS].contains(&self.request.method);
        !reads && (self.who != Who::Nobody || self.line.contains("\"auth\""))
    }
}

impl Case {
    /// Whether shares can be changed by it: their own requests can, and whatever renames or takes away what is shared.
    fn is_about_shares(&self) -> bool {
        let whole = [
            "/users/{user}",
            "/users/{user}/servers/box",
            "/groups/{group}",
        ];
        let path = self.request.path.as_str();
        let changes = [Method::PATCH, Method::DELETE].contains(&self.request.method);
        path.contains("/share") || (changes && whole.contains(&path))
    }

    /// What is read afterwards: everything of the objects that it could have changed.
    fn looks(&self) -> Vec<String> {
        let path = self.request.path.as_str();
        let mut looks = vec!["/users/{user}?include_stopped_servers"];
        for (part, more) in [
            ("/groups", &["/groups/{group}"][..]),
            ("/tokens", &["/users/{user}/tokens"]),
        ] {
            // A token that lives for a second may be gone by then; `true` is one, too.
            let short = [r#"{"expires_in": 1}"#, r#"{"expires_in": true}"#];
            if path.contains(part) && !short.iter().any(|end| self.line.ends_with(end)) {
                looks.extend(more);
            }
        }
        if self.is_about_shares() {
            looks.extend([
                "/shares/{user}",
                "/share-codes/{user}",
                "/users/{user}/shared",
                "/groups/{group}/shared",
            ]);
        }
        if path.starts_with("/services/") {
            looks.push(path.split('?').next().unwrap_or(path));
        }
        looks.into_iter().map(ToOwned::to_owned).collect()
    }
}

/// The bytes of a body: `\xff` stands for a byte that is not UTF-8, `<n>` at the end for n characters.
fn body(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    while let Some(at) = bytes.windows(4).position(|four| four == br"\xff") {
        bytes.splice(at..at + 4, [0xff]);
    }
    bytes
}

/// Those that can share their objects, and those that cannot.
fn cases() -> (Vec<Case>, Vec<Case>) {
    let (shared, others): (Vec<_>, Vec<_>) = methods::wrong_ones()
        .into_iter()
        .partition(|line| line.starts_with("POST /share"));
    let (refused, allowed) = strange_bodies_of_others();
    let lines = lists::lines()
        .into_iter()
        .chain(methods::lines())
        .chain(users::lines())
        .chain(tokens::lines())
        .chain(servers::lines())
        .chain(groups::lines())
        .chain(shares::lines())
        .chain(allowed)
        // With a slash these are about the default server.
        .chain(shared);
    let (alone, mut sharing): (Vec<_>, Vec<_>) = lines
        .map(|line| Case::read(&line))
        .partition(Case::may_change);
    // Last, so that nothing else is different when one of them does something after all.
    let last = refused.iter().chain(&others);
    sharing.extend(last.map(|line| Case::read(line)));
    (sharing, alone)
}

#[tokio::test]
async fn odd_requests_are_answered_as_jupyterhub_does() {
    let (sharing, alone) = cases();
    let callers = [Caller::User, Caller::OtherUser, Caller::ServiceWithAll];
    let with_shares: Vec<_> = alone.iter().map(Case::is_about_shares).collect();
    let (theirs, ours) = world::both(&callers, &with_shares).await;
    let mut report = Report::new(Suite::Variations);
    let compare = async |cases: &[Case], first: Option<usize>| {
        tokio::join!(ask(&theirs, cases, first), ask(&ours, cases, first))
    };
    for (cases, first) in [(&sharing, None), (&alone, Some(callers.len()))] {
        let (their_answers, our_answers) = compare(cases, first).await;
        for ((theirs, name), (ours, _)) in their_answers.into_iter().zip(our_answers) {
            let caller = format!("{:?}", Case::read(&name).who);
            report.add(Exchange {
                call: name,
                caller,
                expected: None,
                theirs,
                ours,
            });
        }
    }
    report.judge();
}

/// The answers to all cases, and to the questions after those that may change something. `first` is the number of the
/// objects of the first case; without it all share the first ones.
async fn ask(world: &World, cases: &[Case], first: Option<usize>) -> Vec<(Answer, String)> {
    let one = async |(number, case): (usize, &Case)| {
        let number = first.map_or(0, |first| first + number);
        let target = &world.targets[number];
        let token = match case.who {
            Who::Nobody => None,
            Who::User => Some(target.token.as_str()),
            Who::Friend => world.token(1),
            Who::Service => world.token(2),
        };
        let reply = world.ask_as(token, target, &case.request).await;
        let mut answers = vec![(Answer::of(&reply, target), case.line.clone())];
        if first.is_some() {
            for path in case.looks() {
                let look = Request {
                    path,
                    ..Request::default()
                };
                let reply = world.ask_as(world.token(2), target, &look).await;
                let name = format!("{} → {}", case.line, look.path);
                answers.push((Answer::of(&reply, target), name));
            }
        }
        answers
    };
    let all: Vec<_> = stream::iter(cases.iter().enumerate())
        .map(one)
        .buffered(AT_ONCE)
        .collect()
        .await;
    all.into_iter().flatten().collect()
}

/// The lines of a text, without empty ones and comments.
fn lines_of(text: &str) -> Vec<String> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

/// Bodies that no operation wants.
const STRANGE_BODIES: &[&str] = &[
    "null",
    "true",
    "1",
    "1.5",
    r#""x""#,
    "[]",
    "[1]",
    "{}",
    "{",
    r#"{"zzz": 1}"#,
    r#"{"a": "\xff"}"#,
    "nonsense",
    r#"{"a": NaN}"#,
    r#"{"a": 1, "a": 2}"#,
];

/// `operation` with each of the strange bodies, and without one.
fn with_strange_bodies(operation: &str) -> Vec<String> {
    let bodies = STRANGE_BODIES
        .iter()
        .map(|body| format!("{operation} {body}"));
    std::iter::once(operation.to_owned())
        .chain(bodies)
        .collect()
}

/// Every operation that writes, with each of the strange bodies, by the user of the path and by nobody: what is wrong with
/// a body is only for those who may act. First the lines of those who may not, then of those who may.
fn strange_bodies_of_others() -> (Vec<String>, Vec<String>) {
    let target = Target::new(0);
    let (mut refused, mut allowed) = (Vec::new(), Vec::new());
    for operation in OPERATIONS.iter().filter(|one| one.method != "GET") {
        let of_user = expected(operation, &Caller::User, &target);
        let may = of_user == operation.success && !matches!(operation.needs, Needs::Nothing);
        for body in STRANGE_BODIES {
            let line = format!("{} {} {body}", operation.method, operation.path);
            refused.push(format!("nobody {line}"));
            // What starts a server is tried elsewhere, once for each kind of body.
            let starts = operation.starts_or_stops() && operation.method == "POST";
            match (may, starts && !STARTS_NOTHING.contains(body)) {
                (false, _) => refused.push(format!("user {line}")),
                (true, false) => allowed.push(format!("user {line}")),
                (true, true) => {}
            }
        }
    }
    (refused, allowed)
}

/// Those of [`STRANGE_BODIES`] with which no hub starts a server.
const STARTS_NOTHING: &[&str] = &["true", "1", "1.5", r#""x""#, "[1]", "{", "nonsense"];

#[test]
fn lines_are_read() {
    let case = Case::read(r#"user [accept: text/html] POST /users/{user} {"a": "\xff"}"#);
    assert_eq!(case.who, Who::User);
    assert_eq!(
        case.request.headers,
        [("accept".to_owned(), "text/html".to_owned())]
    );
    assert_eq!(
        (case.request.method, case.request.path.as_str()),
        (Method::POST, "/users/{user}")
    );
    assert_eq!(
        case.request.body.as_deref(),
        Some(&b"{\"a\": \"\xff\"}"[..])
    );
    assert_eq!(Case::read("GET /x").request.body, None);
}
