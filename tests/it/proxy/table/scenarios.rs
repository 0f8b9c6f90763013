//! What is asked. `TARGET-A`, `TARGET-B`, `PUBLIC` and `FOLDER` stand for addresses and for a folder of error pages.
//! Long, as it is a table: lines without logic are easiest to survey in one place.

use super::super::door::TOKEN;

/// Which listener is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Public,
    Api,
    /// Plain HTTP, which is sent to https.
    Redirect,
}

/// Bytes on a connection of their own.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) name: String,
    pub(super) side: Side,
    pub(super) text: String,
}

/// Calls of one proxy, one after the other.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) name: &'static str,
    pub(super) options: &'static [&'static str],
    pub(super) routes: &'static [(&'static str, &'static str)],
    /// Whether to watch which routes count as used.
    pub(super) activity: bool,
    pub(super) calls: Vec<Call>,
}

impl Group {
    fn new(name: &'static str, options: &'static [&'static str], calls: Vec<Call>) -> Self {
        Self {
            name,
            options,
            routes: ROUTES,
            activity: false,
            calls,
        }
    }

    fn with_routes(self, routes: &'static [(&'static str, &'static str)]) -> Self {
        Self { routes, ..self }
    }
}

const ROUTES: &[(&str, &str)] = &[
    ("/", "http://TARGET-A"),
    ("/user/a", "http://TARGET-B"),
    ("/user/a/deep", "http://TARGET-A"),
    ("/pre", "http://TARGET-B/base?k=v"),
    ("/slash/", "http://TARGET-B/base/"),
    ("/sp%20ace/x", "http://TARGET-B"),
    ("/%C3%A9", "http://TARGET-B"),
    ("/gone", "http://127.0.0.1:1"),
];

/// A request with these header lines, which asks for the connection to be closed.
fn with(method: &str, url: &str, lines: &[&str], body: &str) -> Call {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    let shown = format!("{method} {url} {}", lines.replace("\r\n", "; "));
    Call {
        name: shown.trim().to_owned(),
        side: Side::Public,
        text: format!("{method} {url} HTTP/1.1\r\n{lines}Connection: close\r\n\r\n{body}"),
    }
}

fn ask(method: &str, url: &str, lines: &[&str], body: &str) -> Call {
    let mut all = vec!["Host: front:8000"];
    all.extend(lines);
    let mut call = with(method, url, &all, body);
    call.name = call
        .name
        .replace("Host: front:8000; ", "")
        .replace("Host: front:8000;", "")
        .trim()
        .to_owned();
    call
}

fn get(url: &str) -> Call {
    ask("GET", url, &[], "")
}

fn gets(urls: &[&str]) -> Vec<Call> {
    urls.iter().map(|url| get(url)).collect()
}

fn raw(name: &str, text: impl Into<String>) -> Call {
    Call {
        name: name.to_owned(),
        side: Side::Public,
        text: text.into(),
    }
}

const UPGRADE: [&str; 4] = [
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

/// A handshake; with `frames` behind it.
fn socket(method: &str, url: &str, lines: &[&str], frames: &str) -> Call {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    let upgrade = UPGRADE.join("\r\n");
    raw(
        &format!("WebSocket {method} {url} {}", lines.replace("\r\n", "; ")),
        format!("{method} {url} HTTP/1.1\r\nHost: front:8000\r\n{upgrade}\r\n{lines}\r\n{frames}"),
    )
}

fn api(method: &str, path: &str, body: &str) -> Call {
    api_as(method, path, body, &format!("token {TOKEN}"))
}

fn api_as(method: &str, path: &str, body: &str, token: &str) -> Call {
    let length = if body.is_empty() {
        String::new()
    } else {
        format!("Content-Length: {}\r\n", body.len())
    };
    let known = if token == format!("token {TOKEN}") {
        String::new()
    } else {
        format!(" by {token:?}")
    };
    Call {
        name: format!("{method} {path} {body}{known}").trim().to_owned(),
        side: Side::Api,
        text: format!(
            "{method} {path} HTTP/1.1\r\nHost: api\r\nAuthorization: {token}\r\n{length}Connection: close\r\n\r\n{body}"
        ),
    }
}

const PATHS: &[&str] = &[
    "/",
    "/?x=1",
    "/elsewhere/x?y=%20&z",
    "/user/a",
    "/user/a/",
    "/user/a?x=1",
    "/user/ab",
    "/user/A/x",
    "/user/a/x/y?z=1&z=2",
    "/user/a/deep",
    "/user/a/deep/x",
    "/user/a/deeper",
    "/user/%61/x",
    "/user%2Fa/x",
    "/user/a%2Fdeep/x",
    "/user/a/../b",
    "/user/a/../a/x",
    "/user/a/./x/.",
    "/user/a/%2e%2e/b",
    "/user/a/..%2fb",
    "/user/a\\..\\b",
    "/user//a",
    "//user/a",
    "//front:8000/user/a",
    "/user/a/x;y=1,2:@!$&'()*+",
    "/user/a/%C3%A9%20%2B",
    "/user/a/\"<>^`{|}",
    "/user/a/[x]",
    "/%C3%A9/x",
    "/sp%20ace/x/y",
    "/user/a/%zz",
    "/user/a/%ff",
    "/user/a/%00",
    "/pre",
    "/pre/",
    "/pre/x?z=1",
    "/pre/x?k=2",
    "/slash",
    "/slash/",
    "/slash/x",
    "/__proto__",
    "/constructor",
    "/gone",
    "http://front:8000/user/a/x",
    "http://other/user/a/x?y",
];

fn headers() -> Vec<Call> {
    let mut calls = Vec::new();
    for method in [
        "GET", "HEAD", "DELETE", "OPTIONS", "POST", "PUT", "PATCH", "PROPFIND",
    ] {
        calls.push(ask(method, "/user/a/x", &[], ""));
        calls.push(ask(method, "/user/a/x", &["Content-Length: 5"], "hello"));
        calls.push(ask(method, "/user/a/x", &["Content-Length: 0"], ""));
        calls.push(ask(
            method,
            "/user/a/x",
            &["Transfer-Encoding: chunked"],
            "5\r\nhello\r\n0\r\n\r\n",
        ));
    }
    for lines in [
        &["X-Forwarded-For: 9.9.9.9"][..],
        &["X-Forwarded-For: 9.9.9.9", "X-Forwarded-For: 8.8.8.8"],
        &[
            "X-Forwarded-Proto: https",
            "X-Forwarded-Port: 443",
            "X-Forwarded-Host: own",
        ],
        &["X-Forwarded-Proto: https, http"],
        &["X_Forwarded_For: 6.6.6.6"],
        &["Forwarded: for=9.9.9.9", "X-Real-IP: 9.9.9.9", "Via: 1.1 x"],
        &["Authorization: Basic eA==", "Cookie: a=b; c=d"],
        &["Cookie: a=b", "Cookie: c=d"],
        &["X-Twice: 1", "X-Twice: 2"],
        &["X-Case: Kept", "x-empty:"],
        &["X-Latin: \u{e9}"],
        &[
            "Origin: http://o",
            "Referer: http://front:8000/x",
            "User-Agent: u",
            "Accept-Encoding: gzip",
        ],
        &["TE: gzip"],
        &["Keep-Alive: timeout=5"],
        &["Proxy-Authorization: Basic eA=="],
        &["Proxy-Connection: close"],
        &["Trailer: X-Checksum"],
        &["Upgrade: other"],
        &["Range: bytes=0-1", "If-None-Match: \"x\"", "Accept: */*"],
    ] {
        calls.push(ask("GET", "/user/a/x", lines, ""));
    }
    calls.push(ask(
        "POST",
        "/user/a/x",
        &["Expect: 100-continue", "Content-Length: 5"],
        "hello",
    ));
    calls.push(ask(
        "POST",
        "/user/a/x",
        &["Expect: other", "Content-Length: 5"],
        "hello",
    ));
    calls.push(ask(
        "POST",
        "/user/a/x",
        &["Transfer-Encoding: chunked", "Trailer: X-T"],
        "5;x=y\r\nhello\r\n0\r\nX-T: 1\r\n\r\n",
    ));
    for host in ["front", "front:80", "FRONT:8000", "[::1]:8000", "127.0.0.1"] {
        calls.push(with("GET", "/user/a/x", &[&format!("Host: {host}")], ""));
    }
    calls.push(raw(
        "HTTP/1.0",
        "GET /user/a/x HTTP/1.0\r\nHost: front\r\n\r\n",
    ));
    calls.push(raw(
        "HTTP/1.0 without Host",
        "GET /user/a/x HTTP/1.0\r\n\r\n",
    ));
    calls.push(raw(
        "HTTP/1.0, kept",
        "GET /user/a/x HTTP/1.0\r\nHost: front\r\nConnection: keep-alive\r\n\r\n",
    ));
    calls
}

fn answers() -> Vec<Call> {
    let mut urls = Vec::new();
    for status in [
        200, 201, 204, 206, 304, 400, 401, 403, 404, 409, 418, 429, 500, 502, 503, 599,
    ] {
        urls.push(format!("/user/a/status/{status}"));
    }
    urls.push("/user/a/chunks".to_owned());
    let mut calls: Vec<_> = urls.iter().map(|url| get(url)).collect();
    calls.extend(urls.iter().map(|url| ask("HEAD", url, &[], "")));
    calls.push(get("/user/a/dead"));
    calls.push(ask("POST", "/user/a/dead", &["Content-Length: 2"], "ok"));
    calls.push(raw(
        "two on one connection",
        "GET /user/a/1 HTTP/1.1\r\nHost: h\r\n\r\nGET /user/a/2 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    ));
    calls.push(raw(
        "404 and another on one connection",
        "GET /gone HTTP/1.1\r\nHost: h\r\n\r\nGET /user/a/2 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    ));
    calls
}

fn redirects() -> Vec<Call> {
    let mut calls = Vec::new();
    for status in [201, 301, 302, 303, 307, 308] {
        calls.push(get(&format!("/user/a/redirect/{status}/self")));
    }
    calls.extend(gets(&[
        "/user/a/redirect/302/relative",
        "/user/a/redirect/302/other",
        "/user/a/status/302",
    ]));
    calls
}

fn sockets() -> Vec<Call> {
    vec![
        socket("GET", "/user/a/tunnel?x=1", &[], "frames"),
        socket(
            "GET",
            "/user/a/tunnel",
            &[
                "Sec-WebSocket-Protocol: a, b",
                "Cookie: a=b",
                "Origin: http://o",
            ],
            "",
        ),
        socket(
            "GET",
            "/user/a/tunnel",
            &["X-Forwarded-For: 9.9.9.9", "X-Forwarded-Proto: https"],
            "",
        ),
        socket("GET", "/user/a/x", &[], ""),
        socket("GET", "/user/a/status/403", &[], ""),
        socket("GET", "/user/a/redirect/302/self", &[], ""),
        socket("GET", "/user/a/dead", &[], ""),
        socket("GET", "/gone", &[], ""),
        socket("GET", "/user/a/%zz", &[], ""),
        socket("POST", "/user/a/tunnel", &["Content-Length: 0"], ""),
        raw(
            "h2c",
            "GET /user/a/x HTTP/1.1\r\nHost: front:8000\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
        ),
    ]
}

fn calls_of_the_api() -> Vec<Call> {
    let ok = r#"{"target":"http://127.0.0.1:9","user":"a","n":[1,{"x":null}],"jupyterhub":true}"#;
    let mut calls = vec![
        api("GET", "/api/routes", ""),
        api("GET", "/api/routes/", ""),
        api("GET", "/api/routes/user/a", ""),
        api("GET", "/api/routes/user/a/", ""),
        api("GET", "/api/routes/user/none", ""),
        api("POST", "/api/routes/new/x", ok),
        api("GET", "/api/routes/new/x", ""),
        api(
            "POST",
            "/api/routes/new/x",
            r#"{"target":"http://127.0.0.1:8"}"#,
        ),
        api("GET", "/api/routes/new/x", ""),
        api("POST", "/api/routes/new/al%20ice%2Fx", ok),
        api("POST", "/api/routes//two//slashes//", ok),
        api("POST", "/api/routes/one/slash/", ok),
        api("POST", "/api/routes", ok),
        api("GET", "/api/routes", ""),
        api("DELETE", "/api/routes/new/x", ""),
        api("DELETE", "/api/routes/new/x", ""),
        api("DELETE", "/api/routes/none", ""),
        api("DELETE", "/api/routes", ""),
        api("GET", "/api/routes?inactive_since=2000-01-01T00:00:00Z", ""),
        api(
            "GET",
            "/api/routes?inactiveSince=2100-01-01T00:00:00.000Z",
            "",
        ),
        api("GET", "/api/routes?inactive_since=junk", ""),
        api("GET", "/api/routes?inactive_since=2100", ""),
        api("POST", "/api/routes/bad", ""),
        api("POST", "/api/routes/bad", "{"),
        api("POST", "/api/routes/bad", "[]"),
        api("POST", "/api/routes/bad", "null"),
        api("POST", "/api/routes/bad", "{}"),
        api("POST", "/api/routes/bad", r#"{"target":5}"#),
        api("POST", "/api/routes/bad/target", r#"{"target":"nonsense"}"#),
        api("POST", "/api/routes/bad/scheme", r#"{"target":"ftp://h"}"#),
        api("POST", "/api/routes/%zz", ok),
        api("PUT", "/api/routes/x", ok),
        api("PATCH", "/api/routes/x", ok),
        api("OPTIONS", "/api/routes", ""),
        api("HEAD", "/api/routes", ""),
        api("GET", "/", ""),
        api("GET", "/api", ""),
        api("GET", "/api/routesx", ""),
        api("GET", "/_proxy/health", ""),
        api("GET", "/_chp_healthz", ""),
    ];
    for token in [
        "token wrong",
        "Bearer s3cret",
        "TOKEN s3cret",
        "token  s3cret",
        "Basic x token s3cret",
        "token",
    ] {
        calls.push(api_as("GET", "/api/routes", "", token));
    }
    calls.push(api_as("POST", "/api/routes/x", "{", "token wrong"));
    calls.push(api_as("PUT", "/api/routes/x", "", "token wrong"));
    calls.push(api_as("GET", "/elsewhere", "", "token wrong"));
    calls
}

fn uses() -> Vec<Call> {
    let length = &["Content-Length: 5"];
    let mut calls = gets(&[
        "/user/a/x",
        "/user/a/deep/x",
        "/elsewhere",
        "/user/a/status/204",
        "/user/a/status/302",
        "/user/a/status/304",
        "/user/a/status/404",
        "/user/a/status/500",
        "/user/a/dead",
        "/gone",
    ]);
    calls.push(ask("HEAD", "/user/a/x", &[], ""));
    calls.push(ask("POST", "/user/a/x", length, "hello"));
    calls.push(ask("POST", "/user/a/status/404", length, "hello"));
    calls.push(ask(
        "POST",
        "/user/a/status/404",
        &["Content-Length: 0"],
        "",
    ));
    calls.push(ask("POST", "/gone", length, "hello"));
    calls.push(socket("GET", "/user/a/tunnel", &[], ""));
    calls.push(socket("GET", "/user/a/tunnel", &[], "frames"));
    calls.push(socket("GET", "/user/a/x", &[], ""));
    calls.push(api(
        "POST",
        "/api/routes/user/a",
        r#"{"target":"http://127.0.0.1:9"}"#,
    ));
    calls.push(api("GET", "/api/routes/user/a", ""));
    calls
}

fn plain() -> Vec<Call> {
    let mut calls = gets(&[
        "/",
        "/user/a/x?y=%20&z",
        "/user/a/../b",
        "//x/y",
        "/%zz",
        "/_chp_healthz",
    ]);
    calls.push(ask("POST", "/user/a/x", &["Content-Length: 5"], "hello"));
    calls.push(ask("HEAD", "/user/a/x", &[], ""));
    for host in ["front", "front:80", "FRONT", "[::1]:8000"] {
        calls.push(with("GET", "/x", &[&format!("Host: {host}")], ""));
    }
    for call in &mut calls {
        call.side = Side::Redirect;
    }
    calls
}

const HOSTS: &[(&str, &str)] = &[
    ("/", "http://TARGET-A"),
    ("/ex.org", "http://TARGET-B"),
    ("/ex.org/user/a", "http://TARGET-A/a"),
    ("/[::1]/user", "http://TARGET-B"),
];

fn hosts() -> Vec<Call> {
    let mut calls = Vec::new();
    for host in [
        "ex.org",
        "EX.org",
        "ex.org:8000",
        "other.org",
        "[::1]:8000",
        "ex.org.",
    ] {
        for url in ["/", "/user/a/x", "/user/b"] {
            calls.push(with("GET", url, &[&format!("Host: {host}")], ""));
        }
    }
    calls.push(with(
        "GET",
        "http://ex.org/user/a/x",
        &["Host: other.org"],
        "",
    ));
    calls
}

fn errors() -> Vec<Call> {
    let mut calls = gets(&[
        "/none",
        "/none/x?y=1",
        "/user/a/dead",
        "/gone/x?y=%20",
        "/user/a/%zz",
    ]);
    calls.push(ask("HEAD", "/none", &[], ""));
    calls.push(ask("POST", "/none", &["Content-Length: 5"], "hello"));
    calls.push(ask("GET", "/none", &["Accept: application/json"], ""));
    calls.push(socket("GET", "/none", &[], ""));
    calls
}

const FEW: &[(&str, &str)] = &[
    ("/user/a", "http://TARGET-B"),
    ("/gone", "http://127.0.0.1:1"),
];

const TLS: &[&str] = &[
    "--ssl-cert",
    "FOLDER/cert.pem",
    "--ssl-key",
    "FOLDER/key.pem",
    "--redirect-port",
    "REDIRECT-PORT",
];
const TLS_ELSEWHERE: &[&str] = &[
    "--ssl-cert",
    "FOLDER/cert.pem",
    "--ssl-key",
    "FOLDER/key.pem",
    "--redirect-port",
    "REDIRECT-PORT",
    "--redirect-to",
    "8443",
];

/// All of them.
pub(super) fn all() -> Vec<Group> {
    let some = || {
        gets(&[
            "/user/a",
            "/user/a/x?y",
            "/user/a/deep/x",
            "/pre/x?z=1",
            "/slash/x",
            "/sp%20ace/x/y",
            "/",
        ])
    };
    vec![
        Group::new("paths", &[], gets(PATHS)),
        Group::new("no prepending", &["--no-prepend-path"], some()),
        Group::new("no prefix", &["--no-include-prefix"], some()),
        Group::new("headers", &[], headers()),
        Group::new("no x-forward", &["--no-x-forward"], some()),
        Group::new("change origin", &["--change-origin"], some()),
        Group::new(
            "custom headers",
            &[
                "--custom-header",
                "X-Own: 1",
                "--custom-header",
                "Host: own",
            ],
            some(),
        ),
        Group::new("answers", &[], answers()),
        Group::new("redirects", &[], redirects()),
        Group::new("auto rewrite", &["--auto-rewrite"], redirects()),
        Group::new(
            "protocol rewrite",
            &["--protocol-rewrite", "https"],
            redirects(),
        ),
        Group::new("WebSockets", &[], sockets()),
        Group::new("API", &[], calls_of_the_api()).with_routes(FEW),
        Group {
            activity: true,
            ..Group::new("uses", &[], uses())
        },
        Group::new("hosts", &["--host-routing"], hosts()).with_routes(HOSTS),
        Group::new(
            "hosts, no prefix",
            &["--host-routing", "--no-include-prefix"],
            hosts(),
        )
        .with_routes(HOSTS),
        Group::new("bundled errors", &[], errors()).with_routes(FEW),
        Group::new(
            "error target",
            &["--error-target", "http://TARGET-A/error"],
            errors(),
        )
        .with_routes(FEW),
        Group::new(
            "dead error target",
            &["--error-target", "http://127.0.0.1:1/"],
            errors(),
        )
        .with_routes(FEW),
        Group::new("error folder", &["--error-path", "FOLDER"], errors()).with_routes(FEW),
        Group::new("plain HTTP", TLS, plain()).with_routes(FEW),
        Group::new("plain HTTP to a port", TLS_ELSEWHERE, plain()).with_routes(FEW),
        Group::new(
            "default target",
            &["--default-target", "http://TARGET-A"],
            gets(&["/none", "/user/a"]),
        )
        .with_routes(FEW),
        Group::new(
            "proxy timeout",
            &["--proxy-timeout", "200"],
            gets(&["/user/a/silent", "/user/a/x"]),
        ),
        Group::new(
            "timeout",
            &["--timeout", "800"],
            vec![
                get("/user/a/silent"),
                raw("silent client", ""),
                get("/user/a/x"),
            ],
        ),
        Group::new(
            "keep-alive",
            &["--keep-alive-timeout", "50"],
            vec![raw("kept", "GET /user/a HTTP/1.1\r\nHost: h\r\n\r\n")],
        ),
        Group::new(
            "health",
            &[],
            vec![
                get("/_chp_healthz"),
                get("/_chp_healthz?x"),
                get("/_chp_healthz/"),
                ask("POST", "/_chp_healthz", &["Content-Length: 0"], ""),
                ask("HEAD", "/_chp_healthz", &[], ""),
            ],
        ),
    ]
}
