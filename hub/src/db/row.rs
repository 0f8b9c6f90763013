//! Rows, one entity per table. Nothing outside `db` sees them.
#![expect(unreachable_pub, reason = "the derive of sea-orm wants public items")]

macro_rules! entity {
    ($module:ident, $table:literal, { $($(#[$attr:meta])* $field:ident: $type:ty,)* }) => {
        pub(super) mod $module {
            use sea_orm::entity::prelude::*;

            #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
            #[sea_orm(table_name = $table)]
            pub struct Model {
                $($(#[$attr])* pub $field: $type,)*
            }

            #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
            pub enum Relation {}

            impl ActiveModelBehavior for ActiveModel {}
        }
    };
}

entity!(users, "users", {
    #[sea_orm(primary_key)]
    id: i64,
    name: String,
    admin: bool,
    created: i64,
    last_activity: Option<i64>,
    user_info: Option<String>,
});

// The rest of the same table: large, secret, and wanted for one user at a time, so that no list reads it.
entity!(auth_states, "users", {
    #[sea_orm(primary_key)]
    id: i64,
    auth_state: Option<Vec<u8>>,
});

entity!(groups, "user_groups", {
    #[sea_orm(primary_key)]
    id: i64,
    name: String,
    properties: String,
});

entity!(group_members, "group_members", {
    #[sea_orm(primary_key, auto_increment = false)]
    group_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    user_id: i64,
});

entity!(services, "services", {
    #[sea_orm(primary_key)]
    id: i64,
    name: String,
    admin: bool,
    from_config: bool,
    spec: Option<String>,
});

entity!(roles, "roles", {
    #[sea_orm(primary_key)]
    id: i64,
    name: String,
    description: String,
    scopes: String,
    origin: String,
});

entity!(role_grants, "role_grants", {
    #[sea_orm(primary_key)]
    id: i64,
    role_id: i64,
    user_id: Option<i64>,
    group_id: Option<i64>,
    service_id: Option<i64>,
    origin: String,
});

entity!(servers, "servers", {
    #[sea_orm(primary_key)]
    id: i64,
    user_id: i64,
    name: String,
    display_name: String,
    state: String,
    epoch: i64,
    lease_owner: Option<String>,
    lease_expires: Option<i64>,
    target: Option<String>,
    started: Option<i64>,
    last_activity: Option<i64>,
    user_options: String,
    spawner_state: Option<String>,
    last_failure: Option<String>,
    stop_notice: Option<String>,
    http_timeout: Option<i64>,
});

entity!(server_events, "server_events", {
    #[sea_orm(primary_key)]
    id: i64,
    server_id: i64,
    start: i64,
    at: i64,
    event: String,
});

entity!(sessions, "sessions", {
    #[sea_orm(primary_key, auto_increment = false)]
    id: String,
    hash: String,
    user_id: i64,
    created: i64,
    expires: i64,
});

entity!(oauth_clients, "oauth_clients", {
    #[sea_orm(primary_key, auto_increment = false)]
    id: String,
    secret_hash: Option<String>,
    redirect_uri: String,
    description: String,
    allowed_scopes: String,
    server_id: Option<i64>,
    service_id: Option<i64>,
});

entity!(oauth_codes, "oauth_codes", {
    #[sea_orm(primary_key, auto_increment = false)]
    hash: String,
    client_id: String,
    user_id: i64,
    redirect_uri: String,
    scopes: String,
    session_id: Option<String>,
    challenge: Option<String>,
    challenge_method: Option<String>,
    created: i64,
    expires: i64,
    consumed: Option<i64>,
});

entity!(tokens, "tokens", {
    #[sea_orm(primary_key)]
    id: i64,
    hash: Option<String>,
    user_id: Option<i64>,
    service_id: Option<i64>,
    server_id: Option<i64>,
    client_id: Option<String>,
    code_hash: Option<String>,
    session_id: Option<String>,
    scopes: String,
    note: String,
    created: i64,
    expires: Option<i64>,
    last_activity: Option<i64>,
});

entity!(shares, "shares", {
    #[sea_orm(primary_key)]
    id: i64,
    server_id: i64,
    user_id: Option<i64>,
    group_id: Option<i64>,
    scopes: String,
    created: i64,
});

entity!(share_codes, "share_codes", {
    #[sea_orm(primary_key)]
    id: i64,
    hash: String,
    server_id: i64,
    user_id: Option<i64>,
    service_id: Option<i64>,
    scopes: String,
    created: i64,
    expires: i64,
    exchange_count: i64,
    last_exchanged: Option<i64>,
});

entity!(processes, "processes", {
    #[sea_orm(primary_key, auto_increment = false)]
    kind: String,
    #[sea_orm(primary_key, auto_increment = false)]
    name: String,
    record: String,
    fingerprint: String,
    data: String,
});

entity!(hubs, "hubs", {
    #[sea_orm(primary_key, auto_increment = false)]
    id: String,
    record: String,
    host: String,
    heartbeat: i64,
});

entity!(settings, "settings", {
    #[sea_orm(primary_key, auto_increment = false)]
    name: String,
    value: String,
});

/// JSON of a column.
pub(super) fn json<T: serde::Serialize>(value: &T) -> Result<String, super::DbError> {
    serde_json::to_string(value)
        .map_err(|error| super::DbError::inconsistent("(new row)", error.to_string()))
}

/// Reads JSON of a column.
pub(super) fn from_json<T: serde::de::DeserializeOwned>(
    table: &'static str,
    text: &str,
) -> Result<T, super::DbError> {
    serde_json::from_str(text)
        .map_err(|error| super::DbError::inconsistent(table, error.to_string()))
}

/// Reads a column that may be null, holding JSON.
pub(super) fn from_json_opt<T: serde::de::DeserializeOwned>(
    table: &'static str,
    text: Option<&str>,
) -> Result<Option<T>, super::DbError> {
    text.map(|text| from_json(table, text)).transpose()
}
