-- Who made a role, and who gave it to whom: builtin, config, api, authenticator.
ALTER TABLE roles ADD COLUMN origin TEXT NOT NULL DEFAULT 'builtin';
UPDATE roles SET origin = 'config' WHERE from_config;
ALTER TABLE roles DROP COLUMN from_config;
ALTER TABLE role_grants ADD COLUMN origin TEXT NOT NULL DEFAULT 'config';
CREATE INDEX role_grants_group ON role_grants (group_id);
CREATE INDEX role_grants_service ON role_grants (service_id);
