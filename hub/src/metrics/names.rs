//! The names of the metrics, without their prefix, and what each is.

pub(super) const REQUEST: &str = "request_duration_seconds";
pub(super) const SPAWN: &str = "server_spawn_duration_seconds";
pub(super) const STOP: &str = "server_stop_seconds";
pub(super) const POLL: &str = "server_poll_duration_seconds";
pub(super) const CHECK_ROUTES: &str = "check_routes_duration_seconds";
pub(super) const PROXY_POLL: &str = "proxy_poll_duration_seconds";
pub(super) const PROXY_ADD: &str = "proxy_add_duration_seconds";
pub(super) const PROXY_DELETE: &str = "proxy_delete_duration_seconds";
pub(super) const STARTUP: &str = "hub_startup_duration_seconds";
pub(super) const INIT_SPAWNERS: &str = "init_spawners_duration_seconds";
pub(super) const LOGIN: &str = "login_duration_seconds";
pub(super) const LOGOUT: &str = "logout_duration_seconds";
pub(super) const LOOP: &str = "event_loop_interval_seconds";
pub(super) const RUNNING: &str = "running_servers";
pub(super) const USERS: &str = "total_users";
pub(super) const ACTIVE: &str = "active_users";
pub(super) const REPORTS: &str = "csp_reports_total";
pub(super) const SERVICE_STATE: &str = "service_state";
pub(super) const SERVICE_RESTARTS: &str = "service_restarts_total";
pub(super) const SERVICE_ANSWERS: &str = "service_answers";

pub(super) const DESCRIPTIONS: &[(&str, &str)] = &[
    (REQUEST, "Time of HTTP requests"),
    (SPAWN, "Time of starts of servers"),
    (STOP, "Time of stops of servers"),
    (POLL, "Time of questions whether a server still runs"),
    (
        CHECK_ROUTES,
        "Time of comparing and repairing all routes of the proxy",
    ),
    (PROXY_POLL, "Time of reading all routes from the proxy"),
    (PROXY_ADD, "Time of adding a route to the proxy"),
    (PROXY_DELETE, "Time of deleting a route from the proxy"),
    (
        STARTUP,
        "Time from the start of the hub until it served requests",
    ),
    (
        INIT_SPAWNERS,
        "Time of finding the servers that earlier hubs left",
    ),
    (LOGIN, "Time of logins"),
    (LOGOUT, "Time of logouts"),
    (
        LOOP,
        "How late the scheduler of the hub runs a task that is due",
    ),
    (RUNNING, "Servers that are not stopped"),
    (USERS, "Registered users"),
    (ACTIVE, "Users who were active within the period"),
    (
        REPORTS,
        "Reports of browsers that something on a page was blocked",
    ),
    (
        SERVICE_STATE,
        "What a managed service of the configuration is doing: 1 for its state, 0 for the others",
    ),
    (
        SERVICE_RESTARTS,
        "How often a managed service was started again since the hub started",
    ),
    (
        SERVICE_ANSWERS,
        "Whether a service of the configuration answers at its URL; absent as long as it was not asked",
    ),
];
