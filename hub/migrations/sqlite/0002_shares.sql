-- Who else may use a server. Scopes are names without a filter (a list, as JSON): they always apply to the server of the
-- row, whatever it is called at the moment.

CREATE TABLE shares (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    server_id INTEGER NOT NULL REFERENCES servers (id) ON DELETE CASCADE,
    -- Who it is shared with: exactly one of the two is set.
    user_id INTEGER REFERENCES users (id) ON DELETE CASCADE,
    group_id INTEGER REFERENCES user_groups (id) ON DELETE CASCADE,
    scopes TEXT NOT NULL,
    created BIGINT NOT NULL,
    UNIQUE (server_id, user_id),
    UNIQUE (server_id, group_id),
    CHECK ((user_id IS NULL) <> (group_id IS NULL))
);
CREATE INDEX shares_user ON shares (user_id);
CREATE INDEX shares_group ON shares (group_id);

-- Invitations: whoever shows the code gets the share.
CREATE TABLE share_codes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    hash TEXT NOT NULL UNIQUE,
    server_id INTEGER NOT NULL REFERENCES servers (id) ON DELETE CASCADE,
    -- Who made it, and must still be allowed to when it is used: exactly one of the two is set.
    user_id INTEGER REFERENCES users (id) ON DELETE CASCADE,
    service_id INTEGER REFERENCES services (id) ON DELETE CASCADE,
    scopes TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    exchange_count BIGINT NOT NULL,
    last_exchanged BIGINT,
    CHECK ((user_id IS NULL) <> (service_id IS NULL))
);
CREATE INDEX share_codes_server ON share_codes (server_id);
CREATE INDEX share_codes_user ON share_codes (user_id);
CREATE INDEX share_codes_service ON share_codes (service_id);
CREATE INDEX share_codes_expires ON share_codes (expires);
