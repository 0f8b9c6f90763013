//! The admin pages, with texts of the test's choice.

use super::{at, chrome};
use crate::render::pages::admin::{
    AddUsersPage, AdminPage, AdminTabs, BulkActs, Choice, ConfirmPage, ErrandPage, GroupPage,
    GroupRow, GroupsPage, Pager, Refusal, RoleRow, RolesPage, ServerActs, ServerDetails,
    ShutdownPage, SortLink, UnderWay, UserActs, UserFilters, UserPage, UserRow,
};
use crate::render::pages::{Notice, ServerState};
use crate::render::{RenderError, Renderer};

const TABS: AdminTabs = AdminTabs {
    users: true,
    groups: true,
    roles: true,
    services: true,
    shutdown: true,
};

fn choices(text: &str) -> Vec<Choice> {
    vec![Choice {
        value: text.to_owned(),
        label: format!("label {text}"),
        selected: true,
    }]
}

fn row(text: &str, server: &str, state: Option<ServerState>) -> UserRow {
    let is = |wanted| state == Some(wanted);
    UserRow {
        user: text.to_owned(),
        server: server.to_owned(),
        display_name: format!("My {text}"),
        key: format!("user={text}&server={server}"),
        first: server.is_empty(),
        user_url: format!("/hub/admin/user?name={text}"),
        admin: Some(true),
        groups: vec![format!("lab{text}")],
        more_groups: 3,
        state,
        failed: is(ServerState::Stopped),
        last_activity: Some(at("2026-11-22T03:30:07Z")),
        started: Some(at("2026-11-22T02:00:00Z")),
        profile: Some(format!("big {text}")),
        url: is(ServerState::Ready).then(|| format!("/user/{text}/")),
        spawn_url: format!("/hub/spawn/{text}"),
        may: ServerActs {
            start: is(ServerState::Stopped),
            stop: is(ServerState::Ready),
            remove: is(ServerState::Stopped) && !server.is_empty(),
            spawn: is(ServerState::Stopped),
        },
        may_delete: true,
    }
}

pub(super) fn pager() -> Pager {
    let link = |offset| Some(format!("/hub/admin?offset={offset}"));
    Pager {
        from: 51,
        to: 100,
        total: 100_000,
        first: link(0),
        previous: link(0),
        next: link(100),
        last: link(99_950),
    }
}

fn users(text: &str) -> AdminPage {
    AdminPage {
        chrome: chrome(text),
        tabs: TABS,
        filters: UserFilters {
            name: text.to_owned(),
            states: choices(text),
            admins: choices(text),
            activities: choices(text),
            group: Some(text.to_owned()),
            limits: choices("50"),
            sort: "-name".to_owned(),
            active: true,
        },
        sorts: vec![
            SortLink {
                label: "User",
                href: Some("/hub/admin?sort=-name".to_owned()),
                direction: Some("ascending"),
            },
            SortLink {
                label: "Last activity",
                href: None,
                direction: None,
            },
        ],
        action: format!("/hub/admin?name_filter={text}"),
        rows: vec![
            row(text, "", Some(ServerState::Ready)),
            row(text, &format!("gpu{text}"), Some(ServerState::Stopped)),
            row(text, "", Some(ServerState::Spawning)),
            row(text, "", None),
        ],
        groups: vec![text.to_owned()],
        under_way: vec![UnderWay {
            title: format!("Stop {text}"),
            url: format!("/hub/admin/errand?id={text}"),
        }],
        may: BulkActs {
            start: true,
            stop: true,
            delete: true,
            groups: true,
            add: true,
        },
        pager: pager(),
        refresh: Some(3),
        notice: Some(Notice::error(format!("Not done {text}"))),
        refusals: vec![Refusal {
            users: vec![text.to_owned()],
            more: 3,
            message: format!("No {text}"),
        }],
    }
}

fn server(text: &str, state: ServerState) -> ServerDetails {
    ServerDetails {
        name: text.to_owned(),
        display_name: format!("My {text}"),
        key: format!("user={text}&server={text}"),
        state,
        url: (state == ServerState::Ready).then(|| format!("/user/{text}/")),
        spawn_url: format!("/hub/spawn/{text}"),
        started: Some(at("2026-11-22T02:00:00Z")),
        last_activity: None,
        options: format!("{{\"profile\": \"{text}\"}}"),
        spawner_state: format!("{{\"pid\": \"{text}\"}}"),
        failure: (state == ServerState::Stopped).then(|| format!("exited {text}")),
        log: Some(format!("Traceback\n{text}")),
        may: ServerActs {
            start: true,
            stop: true,
            remove: true,
            spawn: true,
        },
    }
}

fn user(text: &str) -> UserPage {
    UserPage {
        chrome: chrome(text),
        tabs: TABS,
        name: text.to_owned(),
        typed_name: format!("new {text}"),
        action: format!("/hub/admin/user?name={text}"),
        admin: Some(true),
        created: Some(at("2026-11-22T02:00:00Z")),
        last_activity: None,
        roles: Some(vec![format!("role{text}")]),
        groups: Some(vec![format!("lab{text}")]),
        more_groups: 3,
        other_groups: vec![text.to_owned()],
        pager: pager(),
        servers: Some(vec![
            server(text, ServerState::Ready),
            server(text, ServerState::Stopped),
        ]),
        info: format!("{{\"mail\": \"{text}\"}}"),
        may: UserActs {
            edit: true,
            make_admin: true,
            delete: true,
            groups: true,
        },
        refresh: Some(3),
        notice: Some(Notice::error(text)),
    }
}

fn groups(text: &str) -> GroupsPage {
    GroupsPage {
        chrome: chrome(text),
        tabs: TABS,
        rows: vec![GroupRow {
            name: text.to_owned(),
            url: format!("/hub/admin/group?name={text}"),
            members: Some(7),
            properties: vec![text.to_owned()],
            roles: vec![text.to_owned()],
        }],
        pager: pager(),
        may_create: true,
        managed: true,
        typed_name: text.to_owned(),
        notice: Some(Notice::error(text)),
    }
}

fn group(text: &str) -> GroupPage {
    GroupPage {
        chrome: chrome(text),
        tabs: TABS,
        name: text.to_owned(),
        action: format!("/hub/admin/group?name={text}"),
        members: Some(vec![text.to_owned()]),
        more: 3,
        members_url: format!("/hub/admin?group={text}"),
        properties: Some(format!("{{\"room\": \"{text}\"}}")),
        roles: vec![text.to_owned()],
        typed_users: text.to_owned(),
        may_edit: true,
        may_delete: true,
        managed: false,
        notice: Some(Notice::error(text)),
    }
}

fn roles(text: &str) -> RolesPage {
    RolesPage {
        chrome: chrome(text),
        tabs: TABS,
        rows: vec![RoleRow {
            name: text.to_owned(),
            description: text.to_owned(),
            origin: "config".to_owned(),
            scopes: vec![format!("read:users!group={text}")],
            by_rule: Some("every user"),
            users: vec![text.to_owned()],
            groups: vec![text.to_owned()],
            services: vec![text.to_owned()],
            more: 2,
        }],
    }
}

fn confirm(text: &str) -> ConfirmPage {
    ConfirmPage {
        chrome: chrome(text),
        tabs: TABS,
        title: "Delete 2 users?".to_owned(),
        lines: vec!["They are gone then.".to_owned()],
        names: vec![text.to_owned()],
        more: 1,
        action: format!("/hub/admin?group={text}"),
        fields: vec![("user".to_owned(), text.to_owned())],
        button: "Delete".to_owned(),
        cancel_url: format!("/hub/admin?group={text}"),
    }
}

fn errand(text: &str) -> ErrandPage {
    ErrandPage {
        chrome: chrome(text),
        tabs: TABS,
        title: format!("Add 300 users to the group {text}"),
        total: 300,
        looked_at: 120,
        refresh: Some(3),
        notice: Some(Notice::error(text)),
        refusals: vec![Refusal {
            users: vec![text.to_owned()],
            more: 3,
            message: format!("No {text}"),
        }],
        back: format!("/hub/admin?group={text}"),
    }
}

fn shutdown(text: &str, begun: bool) -> ShutdownPage {
    ShutdownPage {
        chrome: chrome(text),
        tabs: TABS,
        running: 7,
        managed_services: 1,
        stops_servers: false,
        stops_proxy: true,
        runs_proxy: true,
        begun: begun.then(|| vec![format!("7 servers go on {text}")]),
        notice: Some(Notice::error(text)),
    }
}

type Rendered = Vec<(&'static str, Result<String, RenderError>)>;

/// Every admin page, full.
pub(super) fn all(renderer: &Renderer, text: &str) -> Rendered {
    let add_users = AddUsersPage {
        chrome: chrome(text),
        tabs: TABS,
        names: text.to_owned(),
        admin: true,
        may_make_admins: true,
        notice: Some(Notice::error(text)),
        errors: vec![(text.to_owned(), format!("Invalid {text}"))],
    };
    vec![
        ("admin", renderer.render(&users(text))),
        ("admin-confirm", renderer.render(&confirm(text))),
        ("admin-errand", renderer.render(&errand(text))),
        ("admin-add-users", renderer.render(&add_users)),
        ("admin-user", renderer.render(&user(text))),
        ("admin-groups", renderer.render(&groups(text))),
        ("admin-group", renderer.render(&group(text))),
        ("admin-roles", renderer.render(&roles(text))),
        ("admin-shutdown", renderer.render(&shutdown(text, false))),
        (
            "admin-shutdown-begun",
            renderer.render(&shutdown(text, true)),
        ),
    ]
}

/// Every admin page, with nothing to show.
pub(super) fn minimal(renderer: &Renderer) -> Rendered {
    vec![
        ("admin", renderer.render(&AdminPage::default())),
        ("admin-confirm", renderer.render(&ConfirmPage::default())),
        ("admin-errand", renderer.render(&ErrandPage::default())),
        ("admin-add-users", renderer.render(&AddUsersPage::default())),
        ("admin-user", renderer.render(&UserPage::default())),
        ("admin-groups", renderer.render(&GroupsPage::default())),
        ("admin-group", renderer.render(&GroupPage::default())),
        ("admin-roles", renderer.render(&RolesPage::default())),
        ("admin-shutdown", renderer.render(&ShutdownPage::default())),
    ]
}
