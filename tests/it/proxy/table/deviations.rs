//! Where the two differ on purpose. Each id is a row of `hub/proxy/COMPAT.md`, where the reason is.

use e2e::pattern::fits;

/// One difference that is meant.
#[derive(Debug)]
pub(super) struct Deviation {
    pub(super) id: &'static str,
    /// Calls, with their group, with `*` for anything.
    calls: &'static [&'static str],
    /// Lines of the differences, with `*` for anything.
    lines: &'static [&'static str],
}

impl Deviation {
    /// Whether it explains one line of the differences of a call.
    pub(super) fn covers(&self, call: &str, line: &str) -> bool {
        let any = |patterns: &[&str], text: &str| patterns.iter().any(|one| fits(one, text));
        any(self.calls, call) && any(self.lines, line)
    }
}

/// All of them.
pub(super) const DEVIATIONS: &[Deviation] = &[
    Deviation {
        id: "absolute-target",
        calls: &["paths: GET http://other/*", "hosts*: GET http://ex.org/*"],
        lines: &["answers.0.body.*"],
    },
    Deviation {
        id: "aliases",
        calls: &["headers: * X_Forwarded_For:*"],
        lines: &[r#"*"x_forwarded_for: 6.6.6.6""#],
    },
    Deviation {
        id: "answers-stand-alone",
        calls: &["*"],
        lines: &[
            r#"answers.*.headers.content-security-policy: only ours, ["frame-ancestors 'none'"]"#,
            r#"answers.*.headers.cross-origin-opener-policy: only ours, ["noopener-allow-popups"]"#,
        ],
    },
    Deviation {
        id: "api-405",
        calls: &["API: *"],
        lines: &["answers.0.headers.allow: only ours, *"],
    },
    Deviation {
        id: "api-error-texts",
        calls: &["API: *"],
        lines: &[
            r#"answers.0.headers.content-type: only ours, ["text/plain; charset=utf-8"]"#,
            r#"answers.0.body: "Body not valid JSON: SyntaxError: * ≠ "Body not valid JSON: SyntaxError: *"#,
        ],
    },
    Deviation {
        id: "api-health",
        calls: &["API: GET /_proxy/health"],
        lines: &["*"],
    },
    Deviation {
        id: "api-order",
        calls: &[r#"API: POST /api/routes/x { by "token wrong""#],
        lines: &["answers.0.*"],
    },
    Deviation {
        id: "api-targets",
        calls: &[
            "API: POST /api/routes/bad/target *",
            "API: POST /api/routes/bad/scheme *",
        ],
        lines: &["answers.0.*"],
    },
    Deviation {
        id: "api-targets",
        calls: &["API: GET /api/routes*"],
        lines: &["answers.0.body./bad/*: only theirs, *"],
    },
    Deviation {
        id: "api-token",
        calls: &[r#"API: GET /api/routes  by "Basic x token s3cret""#],
        lines: &["answers.0.*"],
    },
    Deviation {
        id: "api-unanswered",
        calls: &["API: DELETE /api/routes", "API: POST /api/routes/%zz *"],
        lines: &["answers: [] ≠ *", "closed: false ≠ true"],
    },
    Deviation {
        id: "api-unanswered",
        calls: &["API: GET /api/routes*"],
        lines: &["answers.0.body./: only theirs, *"],
    },
    Deviation {
        id: "bad-escapes",
        calls: &[
            "*: GET /user/a/%zz",
            "*: GET /user/a/%ff",
            "*: WebSocket GET /user/a/%zz",
        ],
        lines: &[
            "answers.0.status: 500 ≠ 400",
            "answers.0.reason: *",
            "answers.0.body: *",
            "answers.0.headers.content-type*",
        ],
    },
    Deviation {
        id: "bundled-pages",
        calls: &["*"],
        lines: &[
            r#"answers.0.headers.content-type.0: "text/html" ≠ "text/html; charset=utf-8""#,
            r#"answers.0.body: "<!doctype html>* ≠ "<!doctype html>*"#,
        ],
    },
    Deviation {
        id: "chunked-delete",
        calls: &[
            "headers: DELETE * Transfer-Encoding: chunked;",
            "headers: OPTIONS * Transfer-Encoding: chunked;",
        ],
        lines: &["answers.0.body.*"],
    },
    Deviation {
        id: "chunked-delete",
        calls: &["headers: OPTIONS /user/a/x*", "headers: POST /user/a/x*"],
        lines: &[r#"answers.0.body.asked: "hello*"#],
    },
    Deviation {
        id: "early-frames",
        calls: &["*: WebSocket GET /user/a/tunnel*"],
        lines: &[r#"answers.1: "" ≠ "frames""#],
    },
    Deviation {
        id: "expect",
        calls: &["headers: POST * Expect: *"],
        lines: &[
            r#"answers.1.body.headers: only theirs, "expect: 100-continue""#,
            r#"answers.0.body: "" ≠ "Expectation Failed""#,
            r#"answers.0.headers.content-type: only ours, ["text/plain; charset=utf-8"]"#,
        ],
    },
    Deviation {
        id: "forwarded-port",
        calls: &[
            "headers: GET * Host: [::1]:8000;",
            "hosts*: GET * Host: [::1]:8000;",
        ],
        lines: &[
            r#"answers.0.body.headers: only ours, "x-forwarded-port: 8000""#,
            r#"answers.0.body.headers: only theirs, "x-forwarded-port: 1""#,
        ],
    },
    Deviation {
        id: "hop-by-hop",
        calls: &["headers: GET *"],
        lines: &[
            r#"answers.0.body.headers: only theirs, "te: *"#,
            r#"answers.0.body.headers: only theirs, "upgrade: *"#,
            r#"answers.0.body.headers: only theirs, "proxy-connection: *"#,
            r#"answers.0.body.headers: only theirs, "proxy-authorization: *"#,
        ],
    },
    Deviation {
        id: "host-routing",
        calls: &[
            "hosts*: GET * Host: EX.org;",
            "hosts*: GET * Host: [::1]:8000;",
            "hosts*: GET * Host: ex.org*",
        ],
        lines: &["answers.0.body.name: *", "answers.0.body.asked: *"],
    },
    Deviation {
        id: "leading-slashes",
        calls: &["paths: GET //*"],
        lines: &["answers.0.body.name: *", "answers.0.body.asked: *"],
    },
    Deviation {
        id: "no-host",
        calls: &["headers: HTTP/1.0 without Host"],
        lines: &[r#"answers.0.body.headers: only theirs, "x-forwarded-host: ""#],
    },
    Deviation {
        id: "odd-characters",
        calls: &[r#"paths: GET /user/a/"<>^`{|}"#],
        lines: &["answers.0.*"],
    },
    Deviation {
        id: "other-upgrades",
        calls: &["WebSockets: h2c", "WebSockets: WebSocket POST *"],
        lines: &["answers: [] ≠ *", "closed: true ≠ false"],
    },
    Deviation {
        id: "plain-errors",
        calls: &["dead error target: *"],
        lines: &[r#"answers.0.headers.content-type: only ours, ["text/plain; charset=utf-8"]"#],
    },
    Deviation {
        id: "prefix-with-escapes",
        calls: &["no prefix: GET /sp%20ace/x/y"],
        lines: &["answers.0.body.asked: *"],
    },
    Deviation {
        id: "prototype",
        calls: &["paths: GET /__proto__", "paths: GET /constructor"],
        lines: &["answers.0.*"],
    },
    Deviation {
        id: "redirect-ipv6",
        calls: &["plain HTTP*: GET /x Host: [::1]:8000;"],
        lines: &["answers.0.headers.location.0: *"],
    },
    Deviation {
        id: "repeated-headers",
        calls: &["headers: GET *"],
        lines: &[
            r#"answers.0.body.headers: only theirs, "cookie: *"#,
            r#"answers.0.body.headers: only theirs, "x-twice: *"#,
            r#"answers.0.body.headers: only theirs, "x-forwarded-for: *"#,
            r#"answers.0.body.headers: only ours, "cookie: *"#,
            r#"answers.0.body.headers: only ours, "x-twice: *"#,
            r#"answers.0.body.headers: only ours, "x-forwarded-for: *"#,
        ],
    },
    Deviation {
        id: "route-keys",
        calls: &["API: GET /api/routes*"],
        lines: &[
            "answers.0.body.//two//slashes: only theirs, *",
            "answers.0.body./two//slashes: only ours, *",
        ],
    },
    Deviation {
        id: "silent-clients",
        calls: &["timeout: silent client"],
        lines: &["closed: false ≠ true"],
    },
    Deviation {
        id: "unreached-bodies",
        calls: &["uses: POST /gone *"],
        lines: &[r#"used: ["/gone"] ≠ []"#],
    },
    Deviation {
        id: "websocket-errors",
        calls: &["*: WebSocket GET *"],
        lines: &["answers.0.reason: null ≠ *", "closed: false ≠ true"],
    },
];
