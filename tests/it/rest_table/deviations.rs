//! Where our answers differ from JupyterHub's on purpose. Each id is a row of `docs/compat.md`, where the reason is.

use e2e::pattern::fits;

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
    /// Whether it explains one line of the differences of an exchange, and by which of its patterns: the first that fits
    /// of each kind.
    pub(super) fn covers(&self, exchange: &Exchange, line: &str) -> Option<[&'static str; 3]> {
        let first = |patterns: &'static [&'static str], text: &str| {
            patterns.iter().copied().find(|one| fits(one, text))
        };
        Some([
            first(self.calls, &exchange.call)?,
            first(self.callers, &exchange.caller)?,
            first(self.lines, line)?,
        ])
    }

    /// All its patterns, of calls, callers and lines.
    pub(super) fn patterns(&self) -> impl Iterator<Item = &'static str> {
        [self.calls, self.callers, self.lines]
            .into_iter()
            .flatten()
            .copied()
    }
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
            "* → /services/*",
        ],
        callers: &["Service", "User"],
        lines: STATUS_OF_SERVICES,
    },
    Deviation {
        id: "no-5xx",
        suite: Suite::Variations,
        calls: UNHANDLED,
        callers: &["Service", "User", "Nobody"],
        lines: &["status: 500 ≠ 400"],
    },
    Deviation {
        id: "no-5xx",
        suite: Suite::Variations,
        calls: &["GET /users/{user}/tokens/a99999999999999999999999"],
        callers: &["Service"],
        lines: &["status: 500 ≠ 404"],
    },
    Deviation {
        id: "no-5xx",
        suite: Suite::Variations,
        calls: &[
            "GET /authorizations/token",
            "*POST /authorizations/token/{token}",
        ],
        callers: &["Service", "Nobody"],
        lines: &["status: 500 ≠ 405"],
    },
    Deviation {
        id: "no-5xx",
        suite: Suite::Variations,
        // It says that it failed, and has made the service.
        calls: &[r#"POST /services/a-{user} {"api_token": "short"} → *"#],
        callers: &["Service"],
        lines: &["status: 200 ≠ 404"],
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
        callers: &["Service", "User"],
        lines: &[
            "status: 200 ≠ 400",
            "status: 201 ≠ 400",
            "status: 204 ≠ 400",
        ],
    },
    Deviation {
        id: "json-read-one-way",
        suite: Suite::Variations,
        // Here the body can say who asks, and is read before anybody knows.
        calls: &[
            r#"nobody POST /users/{user}/tokens {"a": "\xff"}"#,
            r#"nobody POST /users/{user}/tokens {"a": NaN}"#,
            r#"nobody POST /users/{user}/tokens {"a": 1, "a": 2}"#,
        ],
        callers: &["Nobody"],
        lines: &["status: 403 ≠ 400"],
    },
    Deviation {
        id: "json-read-one-way",
        suite: Suite::Variations,
        calls: &[
            r#"*PUT /users/{user}/servers/* {"a": * → *"#,
            r#"PUT /groups/{group}/properties {"a": * → *"#,
            r#"*POST /users/{user}/tokens {"a": * → /users/{user}/tokens"#,
        ],
        callers: &["Service", "User"],
        lines: &[
            "body.servers.other: only theirs",
            "body.servers.new: only theirs",
            "body.properties.a: only theirs",
            "body.api_tokens: *",
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
        id: "pages-are-checked",
        suite: Suite::Variations,
        calls: &[
            "*GET /users?offset=99999999999999999999",
            "*GET /groups?offset=99999999999999999999",
            "*GET /shares/owner?offset=99999999999999999999",
            "*GET /share-codes/{user}?offset=99999999999999999999",
            "*GET /users/{user}/shared?offset=99999999999999999999",
            "*GET /groups/{group}/shared?offset=99999999999999999999",
        ],
        callers: &["Service"],
        lines: &["status: 500 ≠ 400"],
    },
    Deviation {
        id: "servers-that-never-ran",
        suite: Suite::Variations,
        calls: &["GET /users?limit=4&include_stopped_servers*"],
        callers: &["Service"],
        lines: &[
            "body[].servers..state: null ≠ {}",
            "body[].servers..user_options: null ≠ {}",
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
        id: "display-names",
        suite: Suite::Variations,
        calls: &[
            r#"PATCH /users/{user}/servers/box {"display_name": "a\nb"}*"#,
            r#"PATCH /users/{user}/servers/box {"display_name": "a\u200bb"}*"#,
        ],
        callers: ALL,
        lines: &[
            "status: 200 ≠ 400",
            "body.servers.box.display_name: * ≠ \"box\"",
        ],
    },
    Deviation {
        id: "token-lives",
        suite: Suite::Variations,
        calls: &[r#"POST /users/{user}/tokens {"expires_in": true}"#],
        callers: &["Service"],
        lines: &["status: 201 ≠ 400"],
    },
    Deviation {
        id: "token-lives",
        suite: Suite::Variations,
        calls: &[
            r#"POST /users/{user}/tokens {"expires_in": 1000000000000000000000000000000}"#,
            r#"POST /users/{user}/tokens {"expires_in": 9223372036854775807}"#,
        ],
        callers: &["Service"],
        lines: &["status: 500 ≠ 400"],
    },
    Deviation {
        id: "service-names",
        suite: Suite::Variations,
        calls: &[r#"POST /services/a%20{user} {"info": {}}"#],
        callers: &["Service"],
        lines: &["status: 201 ≠ 400"],
    },
    Deviation {
        id: "service-names",
        suite: Suite::Variations,
        calls: &[r#"POST /services/a%20{user} {"info": {}} → *"#],
        callers: &["Service"],
        lines: &["status: 200 ≠ 404"],
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
        id: "two-codes",
        suite: Suite::Browsers,
        calls: &["token grant_type=authorization_code&*&code=x&code=y"],
        callers: ALL,
        lines: &[
            r#"body.error: "invalid_grant" ≠ "invalid_request""#,
            "body.error_description: only ours",
        ],
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

/// What JupyterHub answers with 500.
const UNHANDLED: &[&str] = &[
    r#"*PATCH /users/{user}/servers/box true"#,
    r#"*PATCH /users/{user}/servers/box 1"#,
    r#"*PATCH /users/{user}/servers/box 1.5"#,
    r#"*PATCH /users/{user}/servers/box "x""#,
    r#"*PATCH /users/{user}/servers/box [1]"#,
    r#"*DELETE /users/{user}/servers/box true"#,
    r#"*DELETE /users/{user}/servers/box 1"#,
    r#"*DELETE /users/{user}/servers/box 1.5"#,
    r#"*DELETE /users/{user}/servers/box "x""#,
    r#"*DELETE /users/{user}/servers/box [1]"#,
    r#"*DELETE /users/{user}/server true"#,
    r#"*DELETE /users/{user}/server 1"#,
    r#"*DELETE /users/{user}/server 1.5"#,
    r#"*DELETE /users/{user}/server "x""#,
    r#"*DELETE /users/{user}/server [1]"#,
    r#"POST /shares/{user}/box true"#,
    r#"POST /shares/{user}/box 1"#,
    r#"POST /shares/{user}/box 1.5"#,
    r#"POST /shares/{user}/box "x""#,
    r#"POST /shares/{user}/box [1]"#,
    r#"PATCH /shares/{user}/box true"#,
    r#"PATCH /shares/{user}/box 1"#,
    r#"PATCH /shares/{user}/box 1.5"#,
    r#"PATCH /shares/{user}/box "x""#,
    r#"PATCH /shares/{user}/box [1]"#,
    r#"POST /share-codes/{user}/box true"#,
    r#"POST /share-codes/{user}/box 1"#,
    r#"POST /share-codes/{user}/box 1.5"#,
    r#"POST /share-codes/{user}/box "x""#,
    r#"POST /share-codes/{user}/box [1]"#,
    r#"*PATCH /users/{user}/servers/box {"zzz": 1}"#,
    r#"*PATCH /users/{user}/servers/box {"a": *"#,
    r#"PATCH /users/{user}/servers/box {"name": 1}"#,
    r#"GET /users/%FF"#,
    r#"* POST /oauth2/token {"a": "\xff"}"#,
    r#"POST /shutdown {"proxy": [true]}"#,
    r#"POST /users {"usernames": 1}"#,
    r#"POST /groups/p-{group} {"users": [1]}"#,
    r#"POST /groups/{group}/users {"users": [1]}"#,
    r#"POST /services/a-{user} {"api_token": "short"}"#,
    r#"POST /services/a-{user} {"oauth_client_allowed_scopes": ["nope"]}"#,
    r#"POST /shares/{user}/box {"user": ""}"#,
    r#"PATCH /shares/{user}/box {"user": ""}"#,
    r#"POST /shares/{user}/box {"user": "guest", "scopes": ["nope"]}"#,
    r#"PATCH /shares/{user}/box {"user": "guest", "scopes": ["nope"]}"#,
    r#"POST /share-codes/{user}/box {"scopes": ["nope"]}"#,
];

/// What only we say of services.
const STATUS_OF_SERVICES: &[&str] = &[
    "body*.managed: only ours",
    "body*.status: only ours",
    "body*.restarts: only ours",
    "body*.last_failure: only ours",
    "body*.answers: only ours",
    "body*.next_start: only ours",
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
