-- +goose Up
-- Publishes that take their time: scheduled ones, and those with canaries.
CREATE TABLE rollouts (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    state         TEXT NOT NULL,
    note          TEXT NOT NULL DEFAULT '',
    requested_by  TEXT NOT NULL DEFAULT '',
    orders        TEXT NOT NULL, -- JSON, and the next two
    plan          TEXT NOT NULL DEFAULT '{}',
    rates         TEXT,
    snapshot_id   INTEGER REFERENCES snapshots (id), -- null: not published yet
    reason        TEXT NOT NULL DEFAULT '',
    due_at        TIMESTAMP, -- null: at once
    created_at    TIMESTAMP NOT NULL,
    published_at  TIMESTAMP,
    soaking_since TIMESTAMP,
    ended_at      TIMESTAMP
);
CREATE INDEX rollouts_state ON rollouts (state);
CREATE UNIQUE INDEX rollouts_snapshot ON rollouts (snapshot_id);
