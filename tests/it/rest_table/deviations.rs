//! Where our answers differ from JupyterHub's on purpose. Each id is a row of `docs/compat.md`, where the reason is.

use super::report::Exchange;

/// Which test sees the difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Suite {
    /// All operations for all callers.
    Operations,
    /// Odd requests.
    Variations,
    /// Cookies, OAuth.
    Browsers,
}

/// One difference that is meant.
#[derive(Debug)]
pub(super) struct Deviation {
    pub(super) id: &'static str,
    pub(super) suite: Suite,
    /// Names of calls, with `*` for anything.
    pub(super) calls: &'static [&'static str],
    /// Names of callers, with `*` for anything.
    pub(super) callers: &'static [&'static str],
    /// Lines of [`Answer::differences`](super::answer::Answer::differences), with `*` for anything.
    pub(super) lines: &'static [&'static str],
}

impl Deviation {
    /// Whether it explains one line of the differences of an exchange.
    pub(super) fn covers(&self, exchange: &Exchange, line: &str) -> bool {
        let any = |patterns: &[&str], text: &str| patterns.iter().any(|one| fits(one, text));
        any(self.calls, &exchange.call)
            && any(self.callers, &exchange.caller)
            && any(self.lines, line)
    }
}

/// Whether `text` is `pattern` with something in place of each `*`.
fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let Some(last) = pattern.rsplit_once('*').map(|(_, last)| last) else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    text.len() >= first.len() + last.len() && text.ends_with(last)
}

/// Anybody.
const ALL: &[&str] = &["*"];

/// All of them.
pub(super) const DEVIATIONS: &[Deviation] = &[
    // -- all operations for all callers
    Deviation {
        id: "service-status",
        suite: Suite::Operations,
        calls: &["get-service", "get-services", "get-current-user"],
        callers: ALL,
        lines: STATUS_OF_SERVICES,
    },
    Deviation {
        id: "cookie-names-its-user",
        suite: Suite::Operations,
        calls: &["get-auth-cookie"],
        callers: ALL,
        lines: &[
            "body.admin: only ours",
            "body.groups: only ours",
            "body.kind: only ours",
            "body.name: only ours",
            "body.user_info: only ours",
        ],
    },
    Deviation {
        id: "power-by-membership",
        suite: Suite::Operations,
        calls: &["post-group-users"],
        callers: &["GroupAdmin"],
        lines: &["status: 200 ≠ 403"],
    },
    // -- odd requests
    Deviation {
        id: "service-status",
        suite: Suite::Variations,
        calls: &[
            "GET /user",
            "[*] GET /user",
            "GET /services?limit=1",
            "[*] GET /services?limit=1",
            "POST /services/a-{user} *",
        ],
        callers: &["Service"],
        lines: STATUS_OF_SERVICES,
    },
    Deviation {
        id: "no-5xx",
        suite: Suite::Variations,
        calls: &["*"],
        callers: ALL,
        lines: &[
            "status: 500 ≠ 400",
            "status: 500 ≠ 404",
            "status: 500 ≠ 405",
        ],
    },
    Deviation {
        id: "no-5xx",
        suite: Suite::Variations,
        calls: &[r#"POST /groups/p-{group} {"users": ["guest", "guest"]}"#],
        callers: ALL,
        lines: &["status: 500 ≠ 201"],
    },
    Deviation {
        id: "json-read-one-way",
        suite: Suite::Variations,
        calls: &[
            r#"* {"a": "\xff"}"#,
            r#"* {"a": NaN}"#,
            r#"* {"a": 1, "a": 2}"#,
        ],
        callers: ALL,
        lines: &["status: 20* ≠ 400", "status: 403 ≠ 400"],
    },
    Deviation {
        id: "json-read-one-way",
        suite: Suite::Variations,
        calls: &[
            r#"PUT /users/{user}/servers/other {"a": * → *"#,
            r#"PUT /groups/{group}/properties {"a": * → *"#,
        ],
        callers: ALL,
        lines: &[
            "body.servers.other: only theirs",
            "body.properties.a: only theirs",
            // With NaN in it what JupyterHub answers is no JSON.
            "body: *NaN*",
        ],
    },
    Deviation {
        id: "pages-are-checked",
        suite: Suite::Variations,
        calls: &[
            "*GET *limit=-1",
            "*GET *offset=-1",
            "*GET /proxy?offset=99999999999999999999",
        ],
        callers: &["Service"],
        lines: &["status: 200 ≠ 400"],
    },
    Deviation {
        id: "next-url-scheme",
        suite: Suite::Variations,
        calls: &["[x-forwarded-proto: https] * GET /groups?limit=2"],
        callers: ALL,
        lines: &[r#"body._pagination.next.url: "<origin>/* ≠ "<secure origin>/*"#],
    },
    Deviation {
        id: "local-process-state",
        suite: Suite::Variations,
        calls: &["POST /users/{user}/server* → *"],
        callers: ALL,
        lines: &[
            "body.servers.*.state.boot_id: only ours",
            "body.servers.*.state.mark: only ours",
            "body.servers.*.state.output: only ours",
            "body.servers.*.state.pgid: only ours",
            "body.servers.*.state.start_ticks: only ours",
        ],
    },
    Deviation {
        id: "options-show-at-once",
        suite: Suite::Variations,
        calls: &[r#"PATCH /users/{user}/servers/box {*"user_options": * → *"#],
        callers: ALL,
        lines: &["body.servers.box.user_options.a: only ours"],
    },
    Deviation {
        id: "servers-that-never-ran",
        suite: Suite::Variations,
        calls: &[
            r#"PATCH /users/{user}/* {"name": "moved"* → *"#,
            "GET /users?limit=4&include_stopped_servers*",
        ],
        callers: ALL,
        lines: &[
            "body.servers.moved.state: null ≠ {}",
            "body.servers.moved.user_options: null ≠ {}",
            "body[].servers..state: null ≠ {}",
            "body[].servers..user_options: null ≠ {}",
        ],
    },
    Deviation {
        id: "display-names",
        suite: Suite::Variations,
        calls: &[
            r#"PATCH /users/{user}/servers/box {"display_name": *"#,
            r#"POST /users/{user}/servers/box {"display_name": " x"}"#,
        ],
        callers: ALL,
        lines: &[
            "status: 20* ≠ 400",
            "body.servers.box.display_name: * ≠ \"box\"",
        ],
    },
    Deviation {
        id: "display-names",
        suite: Suite::Variations,
        // That it was not started shows in everything.
        calls: &[r#"POST /users/{user}/servers/box {"display_name": " x"} → *"#],
        callers: ALL,
        lines: &["body.last_activity: *", "body.servers.box.*"],
    },
    Deviation {
        id: "address-of-the-proxy",
        suite: Suite::Variations,
        calls: &[r#"PATCH /proxy {"ip": "127.0.0.1", "port": "1", "protocol": "http"}"#],
        callers: &["Service"],
        lines: &["status: 200 ≠ 400"],
    },
    Deviation {
        id: "token-lives",
        suite: Suite::Variations,
        calls: &[r#"POST /users/{user}/tokens {"expires_in": true}"#],
        callers: &["Service"],
        lines: &["status: 201 ≠ 400"],
    },
    Deviation {
        id: "service-names",
        suite: Suite::Variations,
        calls: &[r#"POST /services/a%20{user} {"info": {}}"#],
        callers: &["Service"],
        lines: &["status: 201 ≠ 400"],
    },
    // -- cookies, OAuth
    Deviation {
        id: "websocket-mode",
        suite: Suite::Browsers,
        calls: &["* from [websocket same-origin ]"],
        callers: ALL,
        lines: &[
            "status: 200 ≠ 403",
            "status: 201 ≠ 403",
            "status: 400 ≠ 403",
            "status: 404 ≠ 403",
        ],
    },
    Deviation {
        id: "json-by-name",
        suite: Suite::Browsers,
        calls: &[
            "POST * with text/plain; application/json",
            "POST * with application/jsonp",
        ],
        callers: ALL,
        lines: &[
            "status: 200 ≠ 403",
            "status: 201 ≠ 403",
            "status: 400 ≠ 403",
        ],
    },
    Deviation {
        id: "ended-sessions",
        suite: Suite::Browsers,
        calls: &["* with cookies of an ended session"],
        callers: ALL,
        lines: &["status: 200 ≠ 403", "status: 201 ≠ 403"],
    },
    Deviation {
        id: "pkce-methods",
        suite: Suite::Browsers,
        calls: &["authorize *code_challenge*"],
        callers: ALL,
        lines: &[
            r#"location: "/services/web/oauth_callback?code=<secret>&state=s" ≠ "/services/web/oauth_callback?error=invalid_request&*"#,
        ],
    },
    Deviation {
        id: "response-types",
        suite: Suite::Browsers,
        calls: &[
            "authorize *response_type=code%20token*",
            "authorize *response_type=none*",
        ],
        callers: ALL,
        lines: &[
            r#"location: "/services/web/oauth_callback?*" ≠ "/services/web/oauth_callback?error=unsupported_response_type&state=s""#,
        ],
    },
    Deviation {
        id: "response-types",
        suite: Suite::Browsers,
        calls: &["authorize *response_type=code&response_type=code*"],
        callers: ALL,
        lines: &["status: 400 ≠ 302"],
    },
    Deviation {
        id: "redirect-at-the-token-endpoint",
        suite: Suite::Browsers,
        calls: &["exchange  0: {client}&code={code}"],
        callers: ALL,
        lines: &["status: 200 ≠ 400"],
    },
    Deviation {
        id: "redirect-at-the-token-endpoint",
        suite: Suite::Browsers,
        calls: &["exchange  0: {client}&code={code} → *"],
        callers: ALL,
        lines: &["status: 200 ≠ 403"],
    },
    Deviation {
        id: "pkce-downgrade",
        suite: Suite::Browsers,
        calls: &["exchange  0: {good}&code_verifier=*"],
        callers: ALL,
        lines: &["status: 200 ≠ 400", "status: 200 ≠ 403"],
    },
    Deviation {
        id: "secret-in-two-places",
        suite: Suite::Browsers,
        calls: &["token as Basic"],
        callers: ALL,
        lines: &["status: 400 ≠ 401"],
    },
];

/// What only we say of services.
const STATUS_OF_SERVICES: &[&str] = &[
    "body*.managed: only ours",
    "body*.status: only ours",
    "body*.restarts: only ours",
    "body*.last_failure: only ours",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("abc", "abc", true),
            ("abc", "abcd", false),
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a*d", "abc", false),
            ("ab*bc", "abc", false),
            ("*: 1 ≠ 2", "status: 1 ≠ 2", true),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }
}
