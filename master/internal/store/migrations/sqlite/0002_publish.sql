-- +goose Up
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
-- The epoch tells this database from any other that a slave may have heard of: Unix seconds of its creation.
INSERT INTO meta (name, value) VALUES ('epoch', strftime('%s', 'now'));

CREATE TABLE snapshots (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    hash         TEXT NOT NULL,
    epoch        INTEGER NOT NULL,
    note         TEXT NOT NULL DEFAULT '',
    published_by TEXT NOT NULL DEFAULT '',
    created_at   TIMESTAMP NOT NULL
);

-- Large and rarely read, so apart from the rows that lists show.
CREATE TABLE snapshot_contents (
    snapshot_id INTEGER PRIMARY KEY REFERENCES snapshots (id),
    content     BLOB NOT NULL
);

CREATE TABLE distributions (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    snapshot_id  INTEGER NOT NULL REFERENCES snapshots (id),
    host         TEXT NOT NULL,
    service_type TEXT NOT NULL,
    version      INTEGER NOT NULL,
    config_hash  TEXT NOT NULL,
    server_count INTEGER NOT NULL,
    status       TEXT NOT NULL,
    stage        TEXT NOT NULL DEFAULT '',
    error        TEXT NOT NULL DEFAULT '',
    timings      TEXT NOT NULL DEFAULT '{}',
    created_at   TIMESTAMP NOT NULL,
    delivered_at TIMESTAMP,
    acked_at     TIMESTAMP,
    UNIQUE (host, version),
    UNIQUE (snapshot_id, host, service_type)
);

CREATE TABLE documents (
    distribution_id INTEGER PRIMARY KEY REFERENCES distributions (id),
    body            BLOB NOT NULL
);

CREATE TABLE agents (
    host                TEXT NOT NULL,
    service_type        TEXT NOT NULL,
    agent_version       TEXT NOT NULL DEFAULT '',
    config_version      INTEGER NOT NULL DEFAULT 0,
    status              TEXT NOT NULL DEFAULT '',
    metadata            TEXT NOT NULL DEFAULT '{}',
    last_seen           TIMESTAMP NOT NULL,
    applied_snapshot_id INTEGER NOT NULL DEFAULT 0,
    applied_version     INTEGER NOT NULL DEFAULT 0,
    applied_at          TIMESTAMP,
    failed_snapshot_id  INTEGER NOT NULL DEFAULT 0,
    failed_stage        TEXT NOT NULL DEFAULT '',
    failed_error        TEXT NOT NULL DEFAULT '',
    failed_at           TIMESTAMP,
    PRIMARY KEY (host, service_type)
);
