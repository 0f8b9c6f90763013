-- Times are microseconds since 1970 (UTC); JSON is text; secrets are SHA-256 as 64 hex characters.
-- Text has the collation of the database, which the hub sets to compare byte by byte. What SQLite has after its third
-- migration. (That exactly one of two columns is set is not checked: MySQL refuses that beside ON DELETE CASCADE.)

CREATE TABLE users (
    id BIGINT AUTO_INCREMENT PRIMARY KEY,
    name VARCHAR(255) NOT NULL UNIQUE,
    admin BOOLEAN NOT NULL,
    created BIGINT NOT NULL,
    last_activity BIGINT,
    user_info LONGTEXT,
    auth_state LONGBLOB
) ENGINE = InnoDB;

CREATE TABLE user_groups (
    id BIGINT AUTO_INCREMENT PRIMARY KEY,
    name VARCHAR(255) NOT NULL UNIQUE,
    properties LONGTEXT NOT NULL
) ENGINE = InnoDB;

CREATE TABLE group_members (
    group_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    PRIMARY KEY (group_id, user_id),
    FOREIGN KEY (group_id) REFERENCES user_groups (id) ON DELETE CASCADE,
    FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
) ENGINE = InnoDB;
CREATE INDEX group_members_user ON group_members (user_id);

CREATE TABLE services (
    id BIGINT AUTO_INCREMENT PRIMARY KEY,
    name VARCHAR(255) NOT NULL UNIQUE,
    admin BOOLEAN NOT NULL,
    from_config BOOLEAN NOT NULL,
    -- What was registered through the API, as JSON; null for services of the configuration.
    spec LONGTEXT
) ENGINE = InnoDB;

CREATE TABLE roles (
    id BIGINT AUTO_INCREMENT PRIMARY KEY,
    name VARCHAR(255) NOT NULL UNIQUE,
    description LONGTEXT NOT NULL,
    scopes LONGTEXT NOT NULL,
    -- Who made it: builtin, config, api, authenticator.
    origin VARCHAR(255) NOT NULL
) ENGINE = InnoDB;

-- Who holds a role: exactly one of the three holders is set.
CREATE TABLE role_grants (
    id BIGINT AUTO_INCREMENT PRIMARY KEY,
    role_id BIGINT NOT NULL,
    user_id BIGINT,
    group_id BIGINT,
    service_id BIGINT,
    -- Who gave it.
    origin VARCHAR(255) NOT NULL,
    UNIQUE (role_id, user_id),
    UNIQUE (role_id, group_id),
    UNIQUE (role_id, service_id),
    FOREIGN KEY (role_id) REFERENCES roles (id) ON DELETE CASCADE,
    FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    FOREIGN KEY (group_id) REFERENCES user_groups (id) ON DELETE CASCADE,
    FOREIGN KEY (service_id) REFERENCES services (id) ON DELETE CASCADE
) ENGINE = InnoDB;
CREATE INDEX role_grants_user ON role_grants (user_id);
CREATE INDEX role_grants_group ON role_grants (group_id);
CREATE INDEX role_grants_service ON role_grants (service_id);

CREATE TABLE servers (
    id BIGINT AUTO_INCREMENT PRIMARY KEY,
    user_id BIGINT NOT NULL,
    name VARCHAR(255) NOT NULL,
    display_name LONGTEXT NOT NULL,
    -- stopped, spawning, ready, stopping
    state VARCHAR(255) NOT NULL,
    -- Counts every change of state; a change names the epoch that it has seen.
    epoch BIGINT NOT NULL,
    lease_owner VARCHAR(255),
    lease_expires BIGINT,
    -- Where it listens, e.g. http://127.0.0.1:40123; null while stopped.
    target LONGTEXT,
    started BIGINT,
    last_activity BIGINT,
    user_options LONGTEXT NOT NULL,
    spawner_state LONGTEXT,
    last_failure LONGTEXT,
    UNIQUE (user_id, name),
    FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
) ENGINE = InnoDB;
CREATE INDEX servers_state ON servers (state);

-- Progress of starts. A start is named by server and epoch.
CREATE TABLE server_events (
    id BIGINT AUTO_INCREMENT PRIMARY KEY,
    server_id BIGINT NOT NULL,
    start BIGINT NOT NULL,
    at BIGINT NOT NULL,
    event LONGTEXT NOT NULL,
    FOREIGN KEY (server_id) REFERENCES servers (id) ON DELETE CASCADE
) ENGINE = InnoDB;
CREATE INDEX server_events_start ON server_events (server_id, start, id);

CREATE TABLE sessions (
    -- The value of the cookie jupyterhub-session-id.
    id VARCHAR(255) PRIMARY KEY,
    -- SHA-256 of the secret in the login cookie.
    hash VARCHAR(255) NOT NULL UNIQUE,
    user_id BIGINT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
) ENGINE = InnoDB;
CREATE INDEX sessions_user ON sessions (user_id);

CREATE TABLE oauth_clients (
    -- Holds the name of a user, escaped (ASCII, up to three times as long), and perhaps of a server.
    id VARCHAR(1000) CHARACTER SET ascii COLLATE /*M! ascii_nopad_bin */ /*!80000 ascii_bin */ PRIMARY KEY,
    secret_hash VARCHAR(255),
    redirect_uri LONGTEXT NOT NULL,
    description LONGTEXT NOT NULL,
    allowed_scopes LONGTEXT NOT NULL,
    server_id BIGINT UNIQUE,
    service_id BIGINT UNIQUE,
    FOREIGN KEY (server_id) REFERENCES servers (id) ON DELETE CASCADE,
    FOREIGN KEY (service_id) REFERENCES services (id) ON DELETE CASCADE
) ENGINE = InnoDB;

CREATE TABLE oauth_codes (
    hash VARCHAR(255) PRIMARY KEY,
    client_id VARCHAR(1000) CHARACTER SET ascii COLLATE /*M! ascii_nopad_bin */ /*!80000 ascii_bin */ NOT NULL,
    user_id BIGINT NOT NULL,
    redirect_uri LONGTEXT NOT NULL,
    scopes LONGTEXT NOT NULL,
    session_id VARCHAR(255),
    challenge VARCHAR(255),
    challenge_method VARCHAR(255),
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    -- Set by the one exchange that wins; a second one revokes what the first was given.
    consumed BIGINT,
    FOREIGN KEY (client_id) REFERENCES oauth_clients (id) ON DELETE CASCADE,
    FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
) ENGINE = InnoDB;

CREATE TABLE tokens (
    id BIGINT AUTO_INCREMENT PRIMARY KEY,
    -- Null for a token whose secret stands in the configuration.
    hash VARCHAR(255) UNIQUE,
    user_id BIGINT,
    service_id BIGINT,
    -- Set for the token of a running server: it dies with the server's stop.
    server_id BIGINT,
    -- The OAuth client that asked for it; null for the hub's own.
    client_id VARCHAR(1000) CHARACTER SET ascii COLLATE /*M! ascii_nopad_bin */ /*!80000 ascii_bin */,
    -- The code that it was exchanged for.
    code_hash VARCHAR(255),
    session_id VARCHAR(255),
    scopes LONGTEXT NOT NULL,
    note LONGTEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT,
    last_activity BIGINT,
    FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    FOREIGN KEY (service_id) REFERENCES services (id) ON DELETE CASCADE,
    FOREIGN KEY (server_id) REFERENCES servers (id) ON DELETE CASCADE,
    FOREIGN KEY (client_id) REFERENCES oauth_clients (id) ON DELETE CASCADE
) ENGINE = InnoDB;
CREATE INDEX tokens_user ON tokens (user_id);
CREATE INDEX tokens_service ON tokens (service_id);
CREATE INDEX tokens_session ON tokens (session_id);
CREATE INDEX tokens_code ON tokens (code_hash);
CREATE INDEX tokens_client ON tokens (client_id);
CREATE INDEX tokens_server ON tokens (server_id);

-- Processes that outlive the hub: the proxy and managed services (servers keep theirs in spawner_state).
CREATE TABLE processes (
    kind VARCHAR(255) NOT NULL,
    name VARCHAR(255) NOT NULL,
    -- Identity of the process: pid, start time, boot.
    record LONGTEXT NOT NULL,
    -- Of the specification it was started from.
    fingerprint VARCHAR(255) NOT NULL,
    -- Whatever else is needed to adopt it.
    data LONGTEXT NOT NULL,
    PRIMARY KEY (kind, name)
) ENGINE = InnoDB;

-- Hub processes that may hold leases.
CREATE TABLE hubs (
    id VARCHAR(255) PRIMARY KEY,
    record LONGTEXT NOT NULL,
    host VARCHAR(255) NOT NULL,
    heartbeat BIGINT NOT NULL
) ENGINE = InnoDB;

-- Single values, e.g. the port that "any free port" turned out to be.
CREATE TABLE settings (
    name VARCHAR(255) PRIMARY KEY,
    value LONGTEXT NOT NULL
) ENGINE = InnoDB;

-- Who else may use a server. Scopes are names without a filter (a list, as JSON): they always apply to the server of the
-- row, whatever it is called at the moment.

CREATE TABLE shares (
    id BIGINT AUTO_INCREMENT PRIMARY KEY,
    server_id BIGINT NOT NULL,
    -- Who it is shared with: exactly one of the two is set.
    user_id BIGINT,
    group_id BIGINT,
    scopes LONGTEXT NOT NULL,
    created BIGINT NOT NULL,
    UNIQUE (server_id, user_id),
    UNIQUE (server_id, group_id),
    FOREIGN KEY (server_id) REFERENCES servers (id) ON DELETE CASCADE,
    FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    FOREIGN KEY (group_id) REFERENCES user_groups (id) ON DELETE CASCADE
) ENGINE = InnoDB;
CREATE INDEX shares_user ON shares (user_id);
CREATE INDEX shares_group ON shares (group_id);

-- Invitations: whoever shows the code gets the share.
CREATE TABLE share_codes (
    id BIGINT AUTO_INCREMENT PRIMARY KEY,
    hash VARCHAR(255) NOT NULL UNIQUE,
    server_id BIGINT NOT NULL,
    -- Who made it, and must still be allowed to when it is used: exactly one of the two is set.
    user_id BIGINT,
    service_id BIGINT,
    scopes LONGTEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    exchange_count BIGINT NOT NULL,
    last_exchanged BIGINT,
    FOREIGN KEY (server_id) REFERENCES servers (id) ON DELETE CASCADE,
    FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    FOREIGN KEY (service_id) REFERENCES services (id) ON DELETE CASCADE
) ENGINE = InnoDB;
CREATE INDEX share_codes_server ON share_codes (server_id);
CREATE INDEX share_codes_user ON share_codes (user_id);
CREATE INDEX share_codes_service ON share_codes (service_id);
CREATE INDEX share_codes_expires ON share_codes (expires);

-- Whoever writes holds this row until the transaction ends: one writer at a time, as with the other databases.
INSERT INTO settings (name, value) VALUES ('writer', '');
