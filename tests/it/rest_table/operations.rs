//! The operations of upstream's `rest-api.yml`, as data: what each needs, what it is about, what it answers.
//!
//! In braces stand the objects of the caller, see [`Target`](super::targets::Target). The order is the order of the
//! calls: reading comes first, what takes away comes last. One table, and therefore longer than other files.

/// What an operation is about, and therefore which filter can allow it.
#[derive(Debug, Clone, Copy)]
pub(super) enum About {
    /// The whole hub: a filtered scope is as good as none.
    Hub,
    /// A list: who holds a scope for part of it gets that part.
    List(&'static [&'static str]),
    User(&'static str),
    Server(&'static str, &'static str),
    Group(&'static str),
    Service(&'static str),
}

/// What an operation asks of its caller.
#[derive(Debug, Clone, Copy)]
pub(super) enum Needs {
    /// Nothing, not even credentials.
    Nothing,
    /// Valid credentials.
    Credentials,
    /// One of these scopes.
    AnyOf(&'static [&'static str]),
}

/// One operation.
#[derive(Debug)]
pub(super) struct Operation {
    /// `operationId`.
    pub(super) id: &'static str,
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) body: Option<&'static str>,
    pub(super) needs: Needs,
    pub(super) about: About,
    /// Further scopes that the request's own content needs, each with what for; lacking one is 403.
    pub(super) also: &'static [(&'static str, About)],
    /// The status for who is allowed.
    pub(super) success: u16,
    /// The status for who holds the scope, but not for this.
    pub(super) elsewhere: u16,
}

impl Operation {
    /// Whether it starts or stops a server, which may take longer than an answer waits.
    pub(super) fn starts_or_stops(&self) -> bool {
        let server = self.path.ends_with("/server") || self.path.contains("/servers/");
        server && matches!(self.method, "POST" | "DELETE")
    }
}

use About::{Group, Hub, List, Server, Service, User};
use Needs::{AnyOf, Credentials, Nothing};

const fn get(
    id: &'static str,
    path: &'static str,
    needs: &'static [&'static str],
    about: About,
) -> Operation {
    Operation {
        id,
        method: "GET",
        path,
        body: None,
        needs: AnyOf(needs),
        about,
        also: &[],
        success: 200,
        elsewhere: 404,
    }
}

const fn write(
    (id, method, path): (&'static str, &'static str, &'static str),
    body: Option<&'static str>,
    scope: &'static [&'static str],
    about: About,
    success: u16,
) -> Operation {
    Operation {
        method,
        body,
        success,
        ..get(id, path, scope, about)
    }
}

const THE_USER: About = User("{user}");
const THE_SERVER: About = Server("{user}", "box");
const THE_GROUP: About = Group("{group}");

/// All of them.
pub(super) const OPERATIONS: &[Operation] = &[
    // -- reading
    Operation {
        needs: Nothing,
        ..get("get-api", "/", &[], Hub)
    },
    get("get-info", "/info", &["read:hub"], Hub),
    Operation {
        needs: Credentials,
        ..get("get-current-user", "/user", &[], Hub)
    },
    get(
        "get-users",
        "/users",
        &["list:users"],
        List(&["user", "group"]),
    ),
    get(
        "get-user",
        "/users/{user}",
        &[
            "read:users",
            "read:users:name",
            "read:servers",
            "read:users:groups",
            "read:users:activity",
            "read:roles:users",
        ],
        THE_USER,
    ),
    get(
        "get-user-tokens",
        "/users/{user}/tokens",
        &["read:tokens"],
        THE_USER,
    ),
    get(
        "get-user-token",
        "/users/{user}/tokens/{token_id}",
        &["read:tokens"],
        THE_USER,
    ),
    get(
        "get-user-server-name",
        "/users/{user}/servers/box",
        &["read:servers"],
        THE_SERVER,
    ),
    get(
        "get-user-shared",
        "/users/{user}/shared",
        &["read:users:shares"],
        THE_USER,
    ),
    get(
        "get-user-shared-server",
        "/users/{user}/shared/owner/box",
        &["read:users:shares"],
        THE_USER,
    ),
    get(
        "get-groups",
        "/groups?limit=8",
        &["list:groups"],
        List(&["group"]),
    ),
    get(
        "get-group",
        "/groups/{group}",
        &["read:groups", "read:groups:name", "read:roles:groups"],
        THE_GROUP,
    ),
    get(
        "get-group-shared",
        "/groups/{group}/shared",
        &["read:groups:shares"],
        THE_GROUP,
    ),
    get(
        "get-group-shared-server",
        "/groups/{group}/shared/owner/box",
        &["read:groups:shares"],
        THE_GROUP,
    ),
    get(
        "get-shares-owner",
        "/shares/{user}",
        &["read:shares"],
        THE_USER,
    ),
    get(
        "get-shares-server",
        "/shares/{user}/box",
        &["read:shares"],
        THE_SERVER,
    ),
    get(
        "get-share-codes-owner",
        "/share-codes/{user}",
        &["read:shares"],
        THE_USER,
    ),
    get(
        "get-share-codes-server",
        "/share-codes/{user}/box",
        &["read:shares"],
        THE_SERVER,
    ),
    // Any filter will do: a list of services that cannot be filtered by it is empty.
    get(
        "get-services",
        "/services",
        &["list:services"],
        List(&["user", "server", "group", "service"]),
    ),
    get(
        "get-service",
        "/services/web",
        &["read:services", "read:services:name", "read:roles:services"],
        Service("web"),
    ),
    get("get-proxy", "/proxy", &["proxy"], Hub),
    Operation {
        needs: Credentials,
        ..get("get-auth-token", "/authorizations/token/{token}", &[], Hub)
    },
    Operation {
        needs: Credentials,
        ..get(
            "get-auth-cookie",
            "/authorizations/cookie/jupyterhub-hub-login/{cookie}",
            &[],
            Hub,
        )
    },
    // For browsers: without a cookie it leads to the login, whatever token comes along.
    Operation {
        needs: Nothing,
        success: 302,
        ..get(
            "get-oauth-authorize",
            "/oauth2/authorize?client_id=service-web&response_type=code&state=s",
            &[],
            Hub,
        )
    },
    // -- users and their tokens
    write(
        ("post-users", "POST", "/users"),
        Some(r#"{"usernames": ["a-{user}", "B-{user}"]}"#),
        &["admin:users"],
        Hub,
        201,
    ),
    write(
        ("post-user", "POST", "/users/c-{user}"),
        None,
        &["admin:users"],
        User("c-{user}"),
        201,
    ),
    write(
        ("patch-user", "PATCH", "/users/{user}"),
        Some(r#"{"admin": false}"#),
        &["admin:users"],
        THE_USER,
        200,
    ),
    write(
        ("post-user-activity", "POST", "/users/{user}/activity"),
        Some(
            r#"{"last_activity": "2026-01-02T03:04:05.678Z", "servers": {"box": {"last_activity": "2026-01-02T03:04:05Z"}}}"#,
        ),
        &["users:activity"],
        THE_USER,
        200,
    ),
    // Says 403 also for who may make tokens for others.
    Operation {
        elsewhere: 403,
        ..write(
            ("post-user-tokens", "POST", "/users/{user}/tokens"),
            Some(r#"{"note": "made", "expires_in": 3600}"#),
            &["tokens"],
            THE_USER,
            201,
        )
    },
    write(
        (
            "delete-user-token",
            "DELETE",
            "/users/{user}/tokens/{token_id}",
        ),
        None,
        &["tokens"],
        THE_USER,
        204,
    ),
    // -- shares
    Operation {
        also: &[
            ("access:servers", THE_SERVER),
            ("read:users:name", User("guest")),
        ],
        ..write(
            ("post-shares-server", "POST", "/shares/{user}/box"),
            Some(r#"{"user": "guest"}"#),
            &["shares"],
            THE_SERVER,
            200,
        )
    },
    write(
        ("patch-shares-server", "PATCH", "/shares/{user}/box"),
        Some(r#"{"user": "guest"}"#),
        &["shares"],
        THE_SERVER,
        200,
    ),
    write(
        ("delete-shares-server", "DELETE", "/shares/{user}/box"),
        None,
        &["shares"],
        THE_SERVER,
        204,
    ),
    Operation {
        also: &[("access:servers", THE_SERVER)],
        ..write(
            ("post-share-code", "POST", "/share-codes/{user}/box"),
            Some(r#"{"expires_in": 3600}"#),
            &["shares"],
            THE_SERVER,
            200,
        )
    },
    write(
        ("delete-share-code", "DELETE", "/share-codes/{user}/box"),
        None,
        &["shares"],
        THE_SERVER,
        204,
    ),
    write(
        (
            "delete-user-shared-server",
            "DELETE",
            "/users/{user}/shared/owner/box",
        ),
        None,
        &["users:shares"],
        THE_USER,
        204,
    ),
    write(
        (
            "delete-group-shared-server",
            "DELETE",
            "/groups/{group}/shared/owner/box",
        ),
        None,
        &["groups:shares"],
        THE_GROUP,
        204,
    ),
    // -- servers
    write(
        (
            "patch-user-server-name",
            "PATCH",
            "/users/{user}/servers/box",
        ),
        Some(r#"{"display_name": "The Box", "user_options": {"size": 1}}"#),
        &["start:servers"],
        THE_SERVER,
        200,
    ),
    write(
        ("put-user-server-name", "PUT", "/users/{user}/servers/new"),
        Some(r#"{"display_name": "New", "user_options": {"size": 2}}"#),
        &["start:servers"],
        Server("{user}", "new"),
        201,
    ),
    write(
        ("post-user-server-name", "POST", "/users/{user}/servers/box"),
        None,
        &["start:servers"],
        THE_SERVER,
        201,
    ),
    write(
        (
            "delete-user-server-name",
            "DELETE",
            "/users/{user}/servers/box",
        ),
        None,
        &["delete:servers"],
        THE_SERVER,
        204,
    ),
    write(
        ("post-user-server", "POST", "/users/{user}/server"),
        Some("{}"),
        &["start:servers"],
        Server("{user}", ""),
        201,
    ),
    write(
        ("delete-user-server", "DELETE", "/users/{user}/server"),
        None,
        &["delete:servers"],
        Server("{user}", ""),
        204,
    ),
    // -- groups
    write(
        ("post-group", "POST", "/groups/new-{group}"),
        Some(r#"{"users": ["{user}"]}"#),
        &["admin:groups"],
        Group("new-{group}"),
        201,
    ),
    write(
        ("put-group-properties", "PUT", "/groups/{group}/properties"),
        Some(r#"{"colour": "blue", "limits": {"cpu": 2}}"#),
        &["groups"],
        THE_GROUP,
        200,
    ),
    write(
        ("post-group-users", "POST", "/groups/{group}/users"),
        Some(r#"{"name": "x", "users": ["guest", "owner"]}"#),
        &["groups"],
        THE_GROUP,
        200,
    ),
    write(
        ("delete-group-users", "DELETE", "/groups/{group}/users"),
        Some(r#"{"users": ["guest", "owner"]}"#),
        &["groups"],
        THE_GROUP,
        200,
    ),
    // -- the hub
    write(("post-proxy", "POST", "/proxy"), None, &["proxy"], Hub, 200),
    write(
        ("patch-proxy", "PATCH", "/proxy"),
        Some("{}"),
        &["proxy"],
        Hub,
        200,
    ),
    Operation {
        needs: Nothing,
        ..write(
            ("post-auth-token", "POST", "/authorizations/token"),
            Some(r#"{"username": "x", "password": "y"}"#),
            &[],
            Hub,
            404,
        )
    },
    Operation {
        needs: Nothing,
        ..write(
            ("post-oauth-token", "POST", "/oauth2/token"),
            None,
            &[],
            Hub,
            400,
        )
    },
    // Who may stop the hub hears that this is no way to ask for it; stopping it for good comes at the very end.
    write(
        ("post-shutdown", "POST", "/shutdown"),
        Some(r#"{"proxy": "maybe"}"#),
        &["shutdown"],
        Hub,
        400,
    ),
    // -- taking away
    write(
        ("delete-user", "DELETE", "/users/{user}"),
        None,
        &["delete:users"],
        THE_USER,
        204,
    ),
    write(
        ("delete-group", "DELETE", "/groups/{group}"),
        None,
        &["delete:groups"],
        THE_GROUP,
        204,
    ),
];
