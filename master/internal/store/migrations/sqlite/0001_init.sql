-- +goose Up
CREATE TABLE profiles (
    id                  INTEGER PRIMARY KEY AUTOINCREMENT,
    name                TEXT NOT NULL,
    service_type        TEXT NOT NULL,
    is_default          BOOLEAN NOT NULL DEFAULT FALSE,
    player_ids          TEXT NOT NULL DEFAULT '[]',
    uri_rule_ids        TEXT NOT NULL DEFAULT '[]',
    unidentified        TEXT NOT NULL,
    deny_message        TEXT NOT NULL DEFAULT '',
    fake_counts_enabled BOOLEAN NOT NULL DEFAULT FALSE,
    fake_counts_value   INTEGER NOT NULL DEFAULT 0,
    concurrent_streams  TEXT NOT NULL,
    custom_lua          TEXT NOT NULL DEFAULT '',
    created_at          TIMESTAMP NOT NULL,
    updated_at          TIMESTAMP NOT NULL,
    revision            INTEGER NOT NULL DEFAULT 1,
    UNIQUE (service_type, name)
);
CREATE UNIQUE INDEX profiles_one_default ON profiles (service_type) WHERE is_default;

-- Each service type has a default profile from the start; it selects everything enabled in the library.
INSERT INTO profiles (name, service_type, is_default, unidentified, concurrent_streams, created_at, updated_at)
SELECT 'default', service_type, TRUE, 'allow',
       '{"max_streams":0,"action_on_exceed":"reject","deny_message":""}',
       strftime('%Y-%m-%d %H:%M:%f+00:00', 'now'), strftime('%Y-%m-%d %H:%M:%f+00:00', 'now')
FROM (SELECT 'emby' AS service_type UNION ALL SELECT 'jellyfin');

CREATE TABLE servers (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    name          TEXT NOT NULL,
    service_type  TEXT NOT NULL,
    host          TEXT NOT NULL,
    server_name   TEXT NOT NULL,
    upstream      TEXT NOT NULL,
    ssl_cert_path TEXT NOT NULL DEFAULT '',
    ssl_key_path  TEXT NOT NULL DEFAULT '',
    listen_http   INTEGER NOT NULL,
    listen_https  INTEGER NOT NULL,
    lua_root      TEXT NOT NULL,
    custom_nginx  TEXT NOT NULL DEFAULT '',
    profile_id    INTEGER REFERENCES profiles (id),
    enabled       BOOLEAN NOT NULL,
    note          TEXT NOT NULL DEFAULT '',
    created_at    TIMESTAMP NOT NULL,
    updated_at    TIMESTAMP NOT NULL,
    revision      INTEGER NOT NULL DEFAULT 1,
    UNIQUE (host, service_type, server_name)
);
CREATE INDEX servers_profile ON servers (profile_id);

CREATE TABLE tokens (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    server_id    INTEGER NOT NULL REFERENCES servers (id) ON DELETE CASCADE,
    name         TEXT NOT NULL,
    prefix       TEXT NOT NULL,
    hash         TEXT NOT NULL UNIQUE,
    scopes       TEXT NOT NULL,
    expires_at   TIMESTAMP,
    revoked_at   TIMESTAMP,
    last_used_at TIMESTAMP,
    created_at   TIMESTAMP NOT NULL
);
CREATE INDEX tokens_server ON tokens (server_id);

CREATE TABLE players (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    client_name  TEXT NOT NULL,
    min_version  TEXT NOT NULL DEFAULT '',
    ua_patterns  TEXT NOT NULL DEFAULT '[]',
    service_type TEXT NOT NULL,
    enabled      BOOLEAN NOT NULL,
    created_at   TIMESTAMP NOT NULL,
    updated_at   TIMESTAMP NOT NULL,
    revision     INTEGER NOT NULL DEFAULT 1,
    UNIQUE (service_type, client_name)
);

CREATE TABLE uri_rules (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    name         TEXT NOT NULL,
    action       TEXT NOT NULL,
    match_type   TEXT NOT NULL,
    pattern      TEXT NOT NULL,
    service_type TEXT NOT NULL,
    enabled      BOOLEAN NOT NULL,
    created_at   TIMESTAMP NOT NULL,
    updated_at   TIMESTAMP NOT NULL,
    revision     INTEGER NOT NULL DEFAULT 1
);

CREATE TABLE rate_limit_rules (
    id                      INTEGER PRIMARY KEY AUTOINCREMENT,
    apply_to                TEXT NOT NULL,
    apply_value             TEXT NOT NULL DEFAULT '',
    rate_per_second         INTEGER NOT NULL DEFAULT 0,
    rate_burst              INTEGER NOT NULL DEFAULT 0,
    rate_per_minute         INTEGER NOT NULL DEFAULT 0,
    quota_hourly            INTEGER NOT NULL DEFAULT 0,
    quota_daily             INTEGER NOT NULL DEFAULT 0,
    quota_weekly            INTEGER NOT NULL DEFAULT 0,
    quota_monthly           INTEGER NOT NULL DEFAULT 0,
    bandwidth_hourly_bytes  INTEGER NOT NULL DEFAULT 0,
    bandwidth_daily_bytes   INTEGER NOT NULL DEFAULT 0,
    bandwidth_weekly_bytes  INTEGER NOT NULL DEFAULT 0,
    bandwidth_monthly_bytes INTEGER NOT NULL DEFAULT 0,
    over_action             TEXT NOT NULL,
    throttle_rate_bps       INTEGER NOT NULL DEFAULT 0,
    enabled                 BOOLEAN NOT NULL,
    created_at              TIMESTAMP NOT NULL,
    updated_at              TIMESTAMP NOT NULL,
    revision                INTEGER NOT NULL DEFAULT 1
);

CREATE TABLE stream_rules (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    apply_to         TEXT NOT NULL,
    apply_value      TEXT NOT NULL DEFAULT '',
    max_streams      INTEGER NOT NULL,
    action_on_exceed TEXT NOT NULL,
    deny_message     TEXT NOT NULL DEFAULT '',
    enabled          BOOLEAN NOT NULL,
    created_at       TIMESTAMP NOT NULL,
    updated_at       TIMESTAMP NOT NULL,
    revision         INTEGER NOT NULL DEFAULT 1
);

CREATE TABLE enforcements (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    dimension         TEXT NOT NULL,
    dimension_value   TEXT NOT NULL DEFAULT '',
    action            TEXT NOT NULL,
    throttle_rate_bps INTEGER NOT NULL DEFAULT 0,
    reason            TEXT NOT NULL DEFAULT '',
    effective_until   TIMESTAMP,
    enabled           BOOLEAN NOT NULL,
    created_at        TIMESTAMP NOT NULL,
    updated_at        TIMESTAMP NOT NULL,
    revision          INTEGER NOT NULL DEFAULT 1
);

CREATE TABLE users (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    username      TEXT NOT NULL UNIQUE,
    role          TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    enabled       BOOLEAN NOT NULL,
    created_at    TIMESTAMP NOT NULL,
    updated_at    TIMESTAMP NOT NULL,
    revision      INTEGER NOT NULL DEFAULT 1
);

CREATE TABLE api_keys (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    name         TEXT NOT NULL UNIQUE,
    role         TEXT NOT NULL,
    prefix       TEXT NOT NULL,
    hash         TEXT NOT NULL UNIQUE,
    enabled      BOOLEAN NOT NULL,
    expires_at   TIMESTAMP,
    last_used_at TIMESTAMP,
    created_at   TIMESTAMP NOT NULL,
    updated_at   TIMESTAMP NOT NULL,
    revision     INTEGER NOT NULL DEFAULT 1
);

CREATE TABLE sessions (
    token  TEXT PRIMARY KEY,
    data   BLOB NOT NULL,
    expiry TIMESTAMP NOT NULL
);
CREATE INDEX sessions_expiry ON sessions (expiry);
