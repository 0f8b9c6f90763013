-- Times are microseconds since 1970 (UTC); JSON is text; secrets are SHA-256 as 64 hex characters.

CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    admin BOOLEAN NOT NULL,
    created BIGINT NOT NULL,
    last_activity BIGINT,
    user_info TEXT,
    auth_state BLOB
);

CREATE TABLE user_groups (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    properties TEXT NOT NULL
);

CREATE TABLE group_members (
    group_id INTEGER NOT NULL REFERENCES user_groups (id) ON DELETE CASCADE,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    PRIMARY KEY (group_id, user_id)
);
CREATE INDEX group_members_user ON group_members (user_id);

CREATE TABLE services (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    admin BOOLEAN NOT NULL,
    from_config BOOLEAN NOT NULL,
    -- What was registered through the API, as JSON; null for services of the configuration.
    spec TEXT
);

CREATE TABLE roles (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL,
    scopes TEXT NOT NULL,
    from_config BOOLEAN NOT NULL
);

-- Who holds a role: exactly one of the three holders is set.
CREATE TABLE role_grants (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    role_id INTEGER NOT NULL REFERENCES roles (id) ON DELETE CASCADE,
    user_id INTEGER REFERENCES users (id) ON DELETE CASCADE,
    group_id INTEGER REFERENCES user_groups (id) ON DELETE CASCADE,
    service_id INTEGER REFERENCES services (id) ON DELETE CASCADE,
    UNIQUE (role_id, user_id),
    UNIQUE (role_id, group_id),
    UNIQUE (role_id, service_id)
);
CREATE INDEX role_grants_user ON role_grants (user_id);

CREATE TABLE servers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    display_name TEXT NOT NULL,
    -- stopped, spawning, ready, stopping
    state TEXT NOT NULL,
    -- Counts every change of state; a change names the epoch that it has seen.
    epoch BIGINT NOT NULL,
    lease_owner TEXT,
    lease_expires BIGINT,
    -- Where it listens, e.g. http://127.0.0.1:40123; null while stopped.
    target TEXT,
    started BIGINT,
    last_activity BIGINT,
    user_options TEXT NOT NULL,
    spawner_state TEXT,
    last_failure TEXT,
    UNIQUE (user_id, name)
);
CREATE INDEX servers_state ON servers (state);

-- Progress of starts. A start is named by server and epoch.
CREATE TABLE server_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    server_id INTEGER NOT NULL REFERENCES servers (id) ON DELETE CASCADE,
    start BIGINT NOT NULL,
    at BIGINT NOT NULL,
    event TEXT NOT NULL
);
CREATE INDEX server_events_start ON server_events (server_id, start, id);

CREATE TABLE sessions (
    -- The value of the cookie jupyterhub-session-id.
    id TEXT PRIMARY KEY,
    -- SHA-256 of the secret in the login cookie.
    hash TEXT NOT NULL UNIQUE,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id);

CREATE TABLE oauth_clients (
    id TEXT PRIMARY KEY,
    secret_hash TEXT,
    redirect_uri TEXT NOT NULL,
    description TEXT NOT NULL,
    allowed_scopes TEXT NOT NULL,
    server_id INTEGER UNIQUE REFERENCES servers (id) ON DELETE CASCADE,
    service_id INTEGER UNIQUE REFERENCES services (id) ON DELETE CASCADE
);

CREATE TABLE oauth_codes (
    hash TEXT PRIMARY KEY,
    client_id TEXT NOT NULL REFERENCES oauth_clients (id) ON DELETE CASCADE,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    redirect_uri TEXT NOT NULL,
    scopes TEXT NOT NULL,
    session_id TEXT,
    challenge TEXT,
    challenge_method TEXT,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    -- Set by the one exchange that wins; a second one revokes what the first was given.
    consumed BIGINT
);

CREATE TABLE tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    -- Null for a token whose secret stands in the configuration.
    hash TEXT UNIQUE,
    user_id INTEGER REFERENCES users (id) ON DELETE CASCADE,
    service_id INTEGER REFERENCES services (id) ON DELETE CASCADE,
    -- Set for the token of a running server: it dies with the server's stop.
    server_id INTEGER REFERENCES servers (id) ON DELETE CASCADE,
    -- The OAuth client that asked for it; null for the hub's own.
    client_id TEXT REFERENCES oauth_clients (id) ON DELETE CASCADE,
    -- The code that it was exchanged for.
    code_hash TEXT,
    session_id TEXT,
    scopes TEXT NOT NULL,
    note TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT,
    last_activity BIGINT
);
CREATE INDEX tokens_user ON tokens (user_id);
CREATE INDEX tokens_service ON tokens (service_id);
CREATE INDEX tokens_session ON tokens (session_id);
CREATE INDEX tokens_code ON tokens (code_hash);
CREATE INDEX tokens_client ON tokens (client_id);
CREATE INDEX tokens_server ON tokens (server_id);

-- Processes that outlive the hub: the proxy and managed services (servers keep theirs in spawner_state).
CREATE TABLE processes (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    -- Identity of the process: pid, start time, boot.
    record TEXT NOT NULL,
    -- Of the specification it was started from.
    fingerprint TEXT NOT NULL,
    -- Whatever else is needed to adopt it.
    data TEXT NOT NULL,
    PRIMARY KEY (kind, name)
);

-- Hub processes that may hold leases.
CREATE TABLE hubs (
    id TEXT PRIMARY KEY,
    record TEXT NOT NULL,
    host TEXT NOT NULL,
    heartbeat BIGINT NOT NULL
);

-- Single values, e.g. the port that "any free port" turned out to be.
CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
