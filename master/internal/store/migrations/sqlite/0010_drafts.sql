-- +goose Up
-- What people work out step by step before any of it holds.
CREATE TABLE drafts (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    name         TEXT NOT NULL UNIQUE,
    service_type TEXT NOT NULL,
    profile_id   INTEGER, -- null: it makes a new profile; one that is deleted meanwhile is missed when the draft is checked
    server_ids   TEXT NOT NULL, -- JSON, and the document
    step         INTEGER NOT NULL,
    document     TEXT NOT NULL,
    created_by   TEXT NOT NULL,
    created_at   TIMESTAMP NOT NULL,
    updated_at   TIMESTAMP NOT NULL,
    revision     INTEGER NOT NULL
);
