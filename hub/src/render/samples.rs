//! Pages for tests: every page in every variant, with texts of the test's choice.

mod admin;

use chrono::{DateTime, Utc};
use http::StatusCode;
use hub_types::server::StopNotice;
use hub_types::time;

use super::pages::api_docs::{
    ApiAnswer, ApiDocsPage, ApiField, ApiGroup, ApiModel, ApiOperation, ApiScope, ApiType, Piece,
};
use super::pages::{
    AcceptSharePage, Called, ClientRow, ConsentClient, ExpiryOption, Failure, HomePage, LinkRow,
    LoginPage, LogoutPage, ManagePage, NewServerForm, NotRunningPage, Notice, NoticeKind,
    OAuthPage, ProfileCard, ProfileField, ScopeDescription, ServerCard, ServerState,
    ServiceFailure, ServiceRow, ServicesPage, ShareRow, Sharing, SpawnPage, SpawnPendingPage,
    StopPendingPage, TokenForm, TokenPage, TokenRow,
};
use super::{Chrome, ErrorPage, NavService, RenderError, Renderer};

fn at(text: &str) -> DateTime<Utc> {
    time::parse(text).unwrap()
}

fn profile(text: &str, slug: &str, chosen: bool) -> ProfileCard {
    ProfileCard {
        slug: slug.to_owned(),
        display_name: format!("Profile {text}"),
        description: format!("For {text}"),
        chosen,
        options: vec![ProfileField {
            field: format!("profile-option-{slug}--size"),
            display_name: text.to_owned(),
            choices: vec![
                ("s".to_owned(), text.to_owned(), false),
                ("l".to_owned(), text.to_owned(), true),
            ],
        }],
    }
}

/// A signed-in visitor; `text` stands wherever a user, service or note can put text.
pub(crate) fn chrome(text: &str) -> Chrome {
    Chrome {
        base_url: "/".to_owned(),
        hub_prefix: "/hub/".to_owned(),
        user: Some(text.to_owned()),
        admin: true,
        administers_services: true,
        xsrf: format!("xsrf{text}"),
        nonce: "n0nce".to_owned(),
        services: vec![
            NavService {
                name: format!("whoami{text}"),
                href: "/services/whoami/".to_owned(),
            },
            NavService {
                name: "grader".to_owned(),
                href: format!("/services/{text}"),
            },
        ],
        version: format!("0.1.0{text}"),
        announcement: None,
        announced: Some(format!("Down at five {text}")),
    }
}

fn anonymous(text: &str) -> Chrome {
    Chrome {
        user: None,
        admin: false,
        administers_services: false,
        services: Vec::new(),
        ..chrome(text)
    }
}

fn card(text: &str, state: ServerState) -> ServerCard {
    ServerCard {
        name: String::new(),
        display_name: String::new(),
        owner: text.to_owned(),
        state,
        url: format!("/user/{text}/"),
        spawn_url: format!("/hub/spawn/{text}"),
        pending_url: format!("/hub/spawn-pending/{text}"),
        manage_url: format!("/hub/manage/{text}"),
        last_activity: Some(at("2026-11-22T03:30:07Z")),
        started: Some(at("2026-11-22T02:00:00Z")),
        failure: (state == ServerState::Stopped).then(|| format!("No such file {text}")),
        stop_notice: (state == ServerState::Ready).then(|| StopNotice {
            stop_at: at("2026-11-22T03:40:07Z"),
            given: at("2026-11-22T03:30:07Z"),
            reason: format!("inactive for 55 min{text}"),
            unless_used: true,
        }),
    }
}

fn named(text: &str, name: &str, state: ServerState) -> ServerCard {
    ServerCard {
        name: name.to_owned(),
        display_name: format!("The {name} {text}"),
        ..card(text, state)
    }
}

fn home(text: &str, state: ServerState) -> HomePage {
    HomePage {
        chrome: chrome(text),
        default_server: card(text, state),
        admins_can_enter: true,
        ..HomePage::default()
    }
}

fn home_with_named(text: &str, most: u64) -> HomePage {
    HomePage {
        allow_named_servers: true,
        named_servers: vec![
            named(text, "cpu", ServerState::Stopped),
            named(text, "gpu", ServerState::Spawning),
            named(text, "lab", ServerState::Ready),
            named(text, "old", ServerState::Stopping),
        ],
        named_server_count: 4,
        pager: admin::pager(),
        named_server_limit_per_user: most,
        new_server: NewServerForm {
            display_name: format!("thesis {text}"),
            name: text.to_owned(),
        },
        notice: Some(Notice::error(format!("No such name {text}"))),
        ..home(text, ServerState::Stopped)
    }
}

fn sharing(text: &str) -> Sharing {
    let allows = || vec!["open it".to_owned(), format!("read:servers{text}")];
    let row = |kind, name| ShareRow {
        kind,
        name: format!("{name}{text}"),
        allows: allows(),
        created: at("2026-11-20T03:30:07Z"),
    };
    let link = |id: &str, accepted| LinkRow {
        id: format!("{id}{text}"),
        allows: allows(),
        created: at("2026-11-20T03:30:07Z"),
        expires: at("2026-12-20T03:30:07Z"),
        accepted,
        last_accepted: (accepted > 0).then(|| at("2026-11-21T03:30:07Z")),
    };
    Sharing {
        shares: vec![row("user", "grace"), row("group", "lab")],
        more_shares: 7,
        links: vec![link("sc_1", 0), link("sc_2", 3)],
        more_links: 8,
        may_name_users: true,
        may_name_groups: true,
        may_share_control: true,
        expiry_options: ExpiryOption::choices(Some(365 * 86_400)),
        new_link: Some(format!("http://hub/hub/accept-share?code={text}")),
    }
}

fn manage(text: &str, state: ServerState) -> ManagePage {
    ManagePage {
        chrome: chrome(text),
        server: named(text, "gpu", state),
        may_start: true,
        may_stop: true,
        named: true,
        has_options: true,
        sharing: Some(sharing(text)),
        notice: Some(Notice::done(format!("Renamed {text}"))),
    }
}

fn api_docs(text: &str) -> ApiDocsPage {
    let words = || vec![piece(text, false), piece(text, true)];
    let kind = || ApiType {
        words: format!("list of {text}"),
        model: Some(format!("Model{text}")),
    };
    let field = || ApiField {
        name: format!("name{text}"),
        place: "path".to_owned(),
        kind: kind(),
        required: true,
        text: words(),
    };
    let operation = ApiOperation {
        id: format!("get-it{text}"),
        method: "GET".to_owned(),
        path: format!("/hub/api/it/{text}"),
        summary: format!("Get it{text}"),
        text: vec![words()],
        scopes: vec![format!("read:it{text}")],
        extension: true,
        deprecated: true,
        parameters: vec![field()],
        body_kind: Some("application/json".to_owned()),
        body: vec![field()],
        answers: vec![ApiAnswer {
            status: 200,
            text: words(),
            kind: Some(kind()),
        }],
        errors: vec![403, 500],
        curl: format!("curl {text}"),
        ..ApiOperation::default()
    };
    ApiDocsPage {
        chrome: chrome(text),
        document_url: "/hub/api/openapi.json".to_owned(),
        api_url: format!("http://hub/{text}"),
        about: vec![words()],
        groups: vec![ApiGroup {
            id: "it".to_owned(),
            name: format!("It{text}"),
            text: text.to_owned(),
            operations: vec![operation],
        }],
        models: vec![ApiModel {
            name: format!("Model{text}"),
            text: words(),
            fields: vec![field()],
        }],
        scopes: vec![ApiScope {
            name: format!("read:it{text}"),
            description: text.to_owned(),
        }],
        docs_url: "/hub/api-docs".to_owned(),
        ..ApiDocsPage::default()
    }
}

fn piece(text: &str, code: bool) -> Piece {
    Piece {
        text: format!("words {text}"),
        code,
    }
}

fn token_page(text: &str) -> TokenPage {
    TokenPage {
        chrome: chrome(text),
        form: TokenForm {
            note: format!("laptop {text}"),
            expires_in: Some(604_800),
            scopes: format!("read:users {text}"),
        },
        expiry_options: ExpiryOption::choices(None),
        new_token: None,
        place: "?offset=50".to_owned(),
        pager: admin::pager(),
        clients_pager: super::pages::admin::Pager::default(),
        api_tokens: vec![
            TokenRow {
                id: format!("a1{text}"),
                note: format!("backup script {text}"),
                scopes: vec!["inherit".to_owned(), format!("read:users{text}")],
                more_scopes: 1,
                last_activity: Some(at("2026-11-21T03:30:07Z")),
                created: at("2026-10-01T00:00:00Z"),
                expires_at: Some(at("2027-10-01T00:00:00Z")),
            },
            TokenRow {
                id: "a2".to_owned(),
                note: String::new(),
                scopes: Vec::new(),
                more_scopes: 0,
                last_activity: None,
                created: at("2026-11-22T03:00:00Z"),
                expires_at: None,
            },
        ],
        oauth_clients: vec![ClientRow {
            description: format!("JupyterHub service whoami{text}"),
            token_id: format!("o1{text}"),
            scopes: vec![
                format!("access:services!service=whoami{text}"),
                "read:users:name!user".to_owned(),
            ],
            more_scopes: 0,
            last_activity: Some(at("2026-11-22T03:30:07Z")),
            created: Some(at("2026-11-20T03:30:07Z")),
        }],
        notice: Some(Notice {
            kind: NoticeKind::Error,
            text: format!("No such scope: {text}"),
        }),
    }
}

fn consent(text: &str) -> OAuthPage {
    OAuthPage {
        chrome: chrome(text),
        oauth_client: ConsentClient {
            description: format!("JupyterHub service whoami{text}"),
            identifier: "service-whoami".to_owned(),
            redirect_uri: format!("/services/whoami/oauth_callback{text}"),
        },
        scope_descriptions: vec![
            ScopeDescription {
                scope: format!("access:services!service=whoami{text}"),
                description: "Open this service".to_owned(),
                filter: Some(format!("only whoami{text}")),
            },
            ScopeDescription {
                scope: "read:users:name!user".to_owned(),
                description: format!("Read names of users{text}"),
                filter: Some("only yourself".to_owned()),
            },
        ],
        allowed_scopes: vec![
            format!("access:services!service=whoami{text}"),
            "read:users:name!user".to_owned(),
        ],
        error_message: Some(format!("Open for too long{text}")),
        cancel_url: format!("/services/whoami/oauth_callback?error=access_denied&state={text}"),
    }
}

fn accept_share(text: &str) -> AcceptSharePage {
    let called = |name: &str| Called {
        name: name.to_owned(),
    };
    AcceptSharePage {
        chrome: chrome(text),
        code: format!("Zm9v{text}"),
        owner: called(&format!("grace{text}")),
        spawner: called(text),
        spawner_ready: false,
        spawner_url: format!("/user/grace/{text}"),
        scope_descriptions: vec![ScopeDescription {
            scope: format!("access:servers!server=grace/{text}"),
            description: format!("Access user servers{text}"),
            filter: None,
        }],
        next_url: format!("/user/grace/lab?{text}"),
        error_message: Some(format!("Send it again {text}")),
    }
}

fn services(text: &str) -> ServicesPage {
    let failed = ServiceRow {
        name: format!("grader{text}"),
        managed: true,
        state: "backoff".to_owned(),
        restarts: 12,
        next_start: Some(at("2026-11-22T03:31:07Z")),
        failure: Some(ServiceFailure {
            at: at("2026-11-22T03:30:07Z"),
            reason: format!("exited with code 1 {text}"),
        }),
        log: format!("Traceback:\n{text}"),
        ..ServiceRow::default()
    };
    let running = ServiceRow {
        name: "whoami".to_owned(),
        href: Some(format!("/services/{text}/")),
        managed: true,
        state: "running".to_owned(),
        pid: Some(4242),
        since: Some(at("2026-11-22T03:00:00Z")),
        answers: Some(true),
        ..ServiceRow::default()
    };
    let external = ServiceRow {
        name: "viewer".to_owned(),
        href: Some("/services/viewer/".to_owned()),
        state: "external".to_owned(),
        answers: Some(false),
        ..ServiceRow::default()
    };
    ServicesPage {
        chrome: chrome(text),
        tabs: None,
        rows: vec![failed, running, external],
    }
}

fn pending(text: &str) -> SpawnPendingPage {
    SpawnPendingPage {
        chrome: chrome(text),
        for_user: text.to_owned(),
        server_name: format!("gpu{text}"),
        progress_url: format!("/hub/api/users/{text}/server/progress"),
        progress: 40,
        message: Some(format!("Pulling image {text}")),
    }
}

fn not_running(text: &str, failure: Option<Failure>) -> NotRunningPage {
    NotRunningPage {
        chrome: chrome(text),
        for_user: format!("ada{text}"),
        server_name: text.to_owned(),
        spawn_url: format!("/hub/spawn/ada?next={text}"),
        failure,
        implicit_spawn_seconds: None,
    }
}

/// Every page in every variant as `(name, html)`.
pub(crate) fn all(
    renderer: &Renderer,
    text: &str,
) -> Vec<(&'static str, Result<String, RenderError>)> {
    let mut pages = everybodys(renderer, text);
    pages.extend(admin::all(renderer, text));
    pages
}

fn everybodys(renderer: &Renderer, text: &str) -> Vec<(&'static str, Result<String, RenderError>)> {
    let failure = Failure {
        message: format!("The server's command was not found: {text}"),
        hint: Some(format!("Ask an administrator to set Spawner.cmd {text}")),
        output: Some(format!(
            "Traceback (most recent call last):\n  File \"server.py\", line 1 {text}\nModuleNotFoundError"
        )),
    };
    let login = LoginPage {
        chrome: anonymous(text),
        action: format!("/hub/login?next={text}"),
        ..LoginPage::default()
    };
    let home = |state| home(text, state);
    let error = |status: u16, path| {
        ErrorPage::new(chrome(text), StatusCode::from_u16(status).unwrap(), path)
    };
    vec![
        ("login", renderer.render(&login)),
        (
            "login-failed",
            renderer.render(&LoginPage {
                username: format!("ada{text}"),
                login_error: Some(format!("Invalid username or password{text}")),
                insecure: true,
                otp_prompt: Some(format!("Code{text}")),
                ..login.clone()
            }),
        ),
        (
            "login-service",
            renderer.render(&LoginPage {
                login_service: Some(format!("GitHub{text}")),
                authenticator_login_url: Some(format!("/hub/oauth_login?next={text}")),
                ..login
            }),
        ),
        (
            "logout",
            renderer.render(&LogoutPage {
                chrome: anonymous(text),
                servers_stop: true,
            }),
        ),
        (
            "api-docs",
            renderer.render(&api_docs(text).part("").unwrap()),
        ),
        (
            "api-docs-group",
            renderer.render(&api_docs(text).part("it").unwrap()),
        ),
        (
            "api-docs-models",
            renderer.render(&api_docs(text).part("models").unwrap()),
        ),
        (
            "api-docs-scopes",
            renderer.render(&api_docs(text).part("scopes").unwrap()),
        ),
        ("services", renderer.render(&services(text))),
        (
            "services-none",
            renderer.render(&ServicesPage {
                chrome: chrome(text),
                tabs: None,
                rows: Vec::new(),
            }),
        ),
        ("home-stopped", renderer.render(&home(ServerState::Stopped))),
        (
            "home-spawning",
            renderer.render(&home(ServerState::Spawning)),
        ),
        ("home-ready", renderer.render(&home(ServerState::Ready))),
        (
            "home-stopping",
            renderer.render(&HomePage {
                notice: Some(Notice {
                    kind: NoticeKind::Ok,
                    text: format!("Your server is stopping.{text}"),
                }),
                ..home(ServerState::Stopping)
            }),
        ),
        ("home-named", renderer.render(&home_with_named(text, 5))),
        (
            "home-named-full",
            renderer.render(&home_with_named(text, 4)),
        ),
        (
            "manage",
            renderer.render(&manage(text, ServerState::Stopped)),
        ),
        (
            "manage-ready",
            renderer.render(&manage(text, ServerState::Ready)),
        ),
        (
            "manage-spawning",
            renderer.render(&ManagePage {
                sharing: Some(Sharing::default()),
                ..manage(text, ServerState::Spawning)
            }),
        ),
        (
            "spawn",
            renderer.render(&SpawnPage {
                chrome: chrome(text),
                for_user: text.to_owned(),
                server_name: String::new(),
                url: format!("/hub/spawn/ada?next={text}"),
                error_message: Some(format!("Too many servers {text}")),
                spawner_options_form: Some(
                    "<label for=\"memory\">Memory</label> <input id=\"memory\" name=\"memory\">"
                        .to_owned(),
                ),
                profiles: vec![profile(text, "small", true), profile(text, "large", false)],
                from_query: Vec::new(),
            }),
        ),
        (
            "spawn-by-link",
            renderer.render(&SpawnPage {
                chrome: chrome(text),
                for_user: text.to_owned(),
                url: format!("/hub/spawn/ada?opt-a={text}"),
                from_query: vec![(text.to_owned(), text.to_owned())],
                ..SpawnPage::default()
            }),
        ),
        ("spawn-pending", renderer.render(&pending(text))),
        (
            "stop-pending",
            renderer.render(&StopPendingPage {
                chrome: chrome(text),
                for_user: text.to_owned(),
                server_name: text.to_owned(),
            }),
        ),
        ("not-running", renderer.render(&not_running(text, None))),
        (
            "not-running-implicit",
            renderer.render(&NotRunningPage {
                implicit_spawn_seconds: Some(5),
                ..not_running(text, None)
            }),
        ),
        (
            "not-running-failed",
            renderer.render(&not_running(text, Some(failure))),
        ),
        ("token", renderer.render(&token_page(text))),
        (
            "token-new",
            renderer.render(&TokenPage {
                new_token: Some(format!("0123456789abcdef{text}")),
                notice: None,
                ..token_page(text)
            }),
        ),
        ("oauth", renderer.render(&consent(text))),
        ("accept-share", renderer.render(&accept_share(text))),
        (
            "accept-share-ready",
            renderer.render(&AcceptSharePage {
                spawner: Called::default(),
                spawner_ready: true,
                error_message: None,
                ..accept_share(text)
            }),
        ),
        ("error-404", renderer.render(&error(404, None))),
        (
            "error-403",
            renderer.render(&error(403, None).with_message(format!("You may not {text}"))),
        ),
        (
            "error-503-server",
            renderer.render(&error(503, Some("/user/ada/lab"))),
        ),
        (
            "error-500",
            renderer.render(&error(500, None).with_hint(format!("Hint {text}"))),
        ),
    ]
}

/// Every page with as little as its struct allows.
pub(crate) fn minimal(renderer: &Renderer) -> Vec<(&'static str, Result<String, RenderError>)> {
    let mut pages = everybodys_minimal(renderer);
    pages.extend(admin::minimal(renderer));
    pages
}

fn everybodys_minimal(renderer: &Renderer) -> Vec<(&'static str, Result<String, RenderError>)> {
    vec![
        ("login", renderer.render(&LoginPage::default())),
        ("logout", renderer.render(&LogoutPage::default())),
        (
            "home",
            renderer.render(&HomePage {
                chrome: chrome(""),
                ..HomePage::default()
            }),
        ),
        ("home-anonymous", renderer.render(&HomePage::default())),
        ("spawn", renderer.render(&SpawnPage::default())),
        (
            "spawn-pending",
            renderer.render(&SpawnPendingPage::default()),
        ),
        ("manage", renderer.render(&ManagePage::default())),
        ("stop-pending", renderer.render(&StopPendingPage::default())),
        ("not-running", renderer.render(&NotRunningPage::default())),
        ("token", renderer.render(&TokenPage::default())),
        ("oauth", renderer.render(&OAuthPage::default())),
        ("accept-share", renderer.render(&AcceptSharePage::default())),
        ("error", renderer.render(&ErrorPage::default())),
    ]
}
