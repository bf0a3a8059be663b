-- +goose Up
-- Enforcements that the master made because of a quota. The key says of which rule, value and period, so that
-- there is one of each.
ALTER TABLE enforcements ADD COLUMN automatic TEXT; -- JSON; null: an admin made it
ALTER TABLE enforcements ADD COLUMN automatic_key TEXT;
CREATE UNIQUE INDEX enforcements_automatic ON enforcements (automatic_key);

-- Streams that run on slaves, or were over a moment ago. The key is of slave, media server, owner, device and
-- play session.
CREATE TABLE play_sessions (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    key             TEXT NOT NULL UNIQUE,
    host            TEXT NOT NULL,
    service_type    TEXT NOT NULL,
    scope           TEXT NOT NULL,
    owner           TEXT NOT NULL,
    device          TEXT NOT NULL,
    play_session_id TEXT NOT NULL,
    user_id         TEXT NOT NULL,
    device_id       TEXT NOT NULL,
    device_name     TEXT NOT NULL,
    item_id         TEXT NOT NULL,
    client_name     TEXT NOT NULL,
    client_ip       TEXT NOT NULL,
    bytes           INTEGER NOT NULL,
    is_paused       BOOLEAN NOT NULL,
    state           TEXT NOT NULL,
    reason          TEXT NOT NULL,
    started_at      TIMESTAMP NOT NULL,
    seen_at         TIMESTAMP NOT NULL,
    over_at         TIMESTAMP,
    until           TIMESTAMP NOT NULL
);
CREATE INDEX play_sessions_owner ON play_sessions (owner);
CREATE INDEX play_sessions_device ON play_sessions (device);
CREATE INDEX play_sessions_ip ON play_sessions (client_ip);
CREATE INDEX play_sessions_host ON play_sessions (host, service_type);
CREATE INDEX play_sessions_until ON play_sessions (until);
CREATE INDEX play_sessions_kicked ON play_sessions (until) WHERE state = 'kicked';

-- What each slave has counted, by period first: totals are sums over the end of the key, and a period that
-- is over is one range.
CREATE TABLE quota_counters (
    period_type TEXT NOT NULL,
    period_key  TEXT NOT NULL,
    dimension   TEXT NOT NULL,
    value       TEXT NOT NULL,
    slave       TEXT NOT NULL,
    scope       TEXT NOT NULL,
    requests    INTEGER NOT NULL,
    bytes       INTEGER NOT NULL,
    ends_at     INTEGER NOT NULL, -- of the period, Unix seconds
    PRIMARY KEY (period_type, period_key, dimension, value, slave, scope)
) WITHOUT ROWID;
