-- +goose Up
CREATE TABLE audit_entries (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    at          TIMESTAMP NOT NULL,
    actor       TEXT NOT NULL,
    user_id     INTEGER,
    key_id      INTEGER,
    address     TEXT NOT NULL,
    action      TEXT NOT NULL,
    resource    TEXT NOT NULL,
    resource_id INTEGER,
    before      TEXT, -- JSON
    after       TEXT,
    hidden      TEXT
);
CREATE INDEX audit_entries_resource ON audit_entries (resource, resource_id);
CREATE INDEX audit_entries_actor ON audit_entries (actor);

-- Login sessions that began before this moment have ended.
ALTER TABLE users ADD COLUMN sessions_ended_at TIMESTAMP;

-- What a key may do beside what its role says; empty: all of it.
ALTER TABLE api_keys ADD COLUMN scopes TEXT NOT NULL DEFAULT '[]';
