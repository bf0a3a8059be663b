-- Telemetry. The package comment says what the kinds are; times are milliseconds since 1970 UTC, and an id
-- begins with its row's second, so that rows lie in the order of time.

-- +goose Up
CREATE TABLE access_logs (
    id               INTEGER PRIMARY KEY,
    time             INTEGER NOT NULL,
    server_id        INTEGER NOT NULL,
    request_id       TEXT NOT NULL,
    ip               TEXT NOT NULL,
    method           TEXT NOT NULL,
    uri              TEXT NOT NULL,
    status           INTEGER NOT NULL,
    bytes_sent       INTEGER NOT NULL,
    accounted        INTEGER NOT NULL,
    request_time_us  INTEGER NOT NULL,
    upstream_time_us INTEGER NOT NULL,
    upstream_status  INTEGER NOT NULL,
    streaming        BOOLEAN NOT NULL,
    server_name      TEXT NOT NULL,
    profile          TEXT NOT NULL,
    client_name      TEXT NOT NULL,
    client_version   TEXT NOT NULL,
    client_kind      TEXT NOT NULL,
    device_id        TEXT NOT NULL,
    device_name      TEXT NOT NULL,
    user_id          TEXT NOT NULL,
    token_hash       TEXT NOT NULL,
    user_agent       TEXT NOT NULL,
    play_session_id  TEXT NOT NULL,
    item_id          TEXT NOT NULL,
    verdict          TEXT NOT NULL,
    reason           TEXT NOT NULL,
    rule             TEXT NOT NULL
);

CREATE TABLE blocked_requests (
    id             INTEGER PRIMARY KEY,
    time           INTEGER NOT NULL,
    server_id      INTEGER NOT NULL,
    request_id     TEXT NOT NULL,
    ip             TEXT NOT NULL,
    method         TEXT NOT NULL,
    uri            TEXT NOT NULL,
    status         INTEGER NOT NULL,
    reason         TEXT NOT NULL,
    rule           TEXT NOT NULL,
    server_name    TEXT NOT NULL,
    profile        TEXT NOT NULL,
    client_name    TEXT NOT NULL,
    client_version TEXT NOT NULL,
    client_kind    TEXT NOT NULL,
    device_id      TEXT NOT NULL,
    device_name    TEXT NOT NULL,
    user_id        TEXT NOT NULL,
    user_agent     TEXT NOT NULL
);
CREATE INDEX blocked_requests_request ON blocked_requests (request_id);

CREATE TABLE login_events (
    id             INTEGER PRIMARY KEY,
    time           INTEGER NOT NULL,
    server_id      INTEGER NOT NULL,
    event          TEXT NOT NULL,
    success        BOOLEAN NOT NULL,
    user_id        TEXT NOT NULL,
    user_name      TEXT NOT NULL,
    ip             TEXT NOT NULL,
    client_name    TEXT NOT NULL,
    client_version TEXT NOT NULL,
    device_id      TEXT NOT NULL,
    device_name    TEXT NOT NULL
);

CREATE TABLE playback_events (
    id              INTEGER PRIMARY KEY,
    time            INTEGER NOT NULL,
    server_id       INTEGER NOT NULL,
    event           TEXT NOT NULL,
    play_session_id TEXT NOT NULL,
    item_id         TEXT NOT NULL,
    user_id         TEXT NOT NULL,
    ip              TEXT NOT NULL,
    client_name     TEXT NOT NULL,
    client_version  TEXT NOT NULL,
    device_id       TEXT NOT NULL,
    device_name     TEXT NOT NULL,
    position_ticks  INTEGER NOT NULL,
    is_paused       BOOLEAN NOT NULL
);

CREATE TABLE playback_sessions (
    id              INTEGER PRIMARY KEY,
    server_id       INTEGER NOT NULL,
    play_session_id TEXT NOT NULL,
    device_id       TEXT NOT NULL,
    started_at      INTEGER NOT NULL,
    last_seen_at    INTEGER NOT NULL,
    stopped_at      INTEGER NOT NULL,
    user_id         TEXT NOT NULL,
    item_id         TEXT NOT NULL,
    ip              TEXT NOT NULL,
    client_name     TEXT NOT NULL,
    client_version  TEXT NOT NULL,
    device_name     TEXT NOT NULL,
    requests        INTEGER NOT NULL,
    bytes           INTEGER NOT NULL,
    position_ticks  INTEGER NOT NULL,
    UNIQUE (server_id, play_session_id, device_id)
);
CREATE INDEX playback_sessions_seen ON playback_sessions (last_seen_at);

CREATE TABLE devices (
    server_id      INTEGER NOT NULL,
    device_id      TEXT NOT NULL,
    first_seen_at  INTEGER NOT NULL,
    last_seen_at   INTEGER NOT NULL,
    user_id        TEXT NOT NULL,
    ip             TEXT NOT NULL,
    client_name    TEXT NOT NULL,
    client_version TEXT NOT NULL,
    device_name    TEXT NOT NULL,
    requests       INTEGER NOT NULL,
    PRIMARY KEY (server_id, device_id)
) WITHOUT ROWID;

CREATE TABLE user_activities (
    day           INTEGER NOT NULL,
    server_id     INTEGER NOT NULL,
    user_id       TEXT NOT NULL,
    first_seen_at INTEGER NOT NULL,
    last_seen_at  INTEGER NOT NULL,
    requests      INTEGER NOT NULL,
    refused       INTEGER NOT NULL,
    bytes         INTEGER NOT NULL,
    PRIMARY KEY (day, server_id, user_id)
) WITHOUT ROWID;

CREATE TABLE realtime_sessions (
    reporter_id     INTEGER NOT NULL,
    server_id       INTEGER NOT NULL,
    session_id      TEXT NOT NULL,
    reported_at     INTEGER NOT NULL,
    play_session_id TEXT NOT NULL,
    user_id         TEXT NOT NULL,
    item_id         TEXT NOT NULL,
    ip              TEXT NOT NULL,
    client_name     TEXT NOT NULL,
    device_id       TEXT NOT NULL,
    device_name     TEXT NOT NULL,
    is_playing      BOOLEAN NOT NULL,
    is_paused       BOOLEAN NOT NULL,
    started_at      INTEGER NOT NULL,
    bytes           INTEGER NOT NULL,
    PRIMARY KEY (reporter_id, server_id, session_id)
) WITHOUT ROWID;

CREATE TABLE api_calls (
    hour            INTEGER NOT NULL,
    server_id       INTEGER NOT NULL,
    method          TEXT NOT NULL,
    endpoint        TEXT NOT NULL,
    requests        INTEGER NOT NULL,
    refused         INTEGER NOT NULL,
    errors_4xx      INTEGER NOT NULL,
    errors_5xx      INTEGER NOT NULL,
    bytes           INTEGER NOT NULL,
    request_time_us INTEGER NOT NULL,
    PRIMARY KEY (hour, server_id, method, endpoint)
) WITHOUT ROWID;

CREATE TABLE bandwidth (
    hour      INTEGER NOT NULL,
    server_id INTEGER NOT NULL,
    user_id   TEXT NOT NULL,
    device_id TEXT NOT NULL,
    ip        TEXT NOT NULL,
    requests  INTEGER NOT NULL,
    bytes     INTEGER NOT NULL,
    PRIMARY KEY (hour, server_id, user_id, device_id, ip)
) WITHOUT ROWID;

CREATE TABLE media_access (
    day             INTEGER NOT NULL,
    server_id       INTEGER NOT NULL,
    user_id         TEXT NOT NULL,
    item_id         TEXT NOT NULL,
    first_access_at INTEGER NOT NULL,
    last_access_at  INTEGER NOT NULL,
    requests        INTEGER NOT NULL,
    bytes           INTEGER NOT NULL,
    plays           INTEGER NOT NULL,
    PRIMARY KEY (day, server_id, user_id, item_id)
) WITHOUT ROWID;

-- One row per hour (or day), dimension, value and server. h0 … h15 are the latency histogram of
-- LatencyBounds.
CREATE TABLE rollup_hourly (
    dimension  TEXT NOT NULL,
    period     INTEGER NOT NULL,
    value      TEXT NOT NULL,
    server_id  INTEGER NOT NULL,
    requests   INTEGER NOT NULL,
    refused    INTEGER NOT NULL,
    errors_4xx INTEGER NOT NULL,
    errors_5xx INTEGER NOT NULL,
    bytes      INTEGER NOT NULL,
    h0 INTEGER NOT NULL, h1 INTEGER NOT NULL, h2 INTEGER NOT NULL, h3 INTEGER NOT NULL,
    h4 INTEGER NOT NULL, h5 INTEGER NOT NULL, h6 INTEGER NOT NULL, h7 INTEGER NOT NULL,
    h8 INTEGER NOT NULL, h9 INTEGER NOT NULL, h10 INTEGER NOT NULL, h11 INTEGER NOT NULL,
    h12 INTEGER NOT NULL, h13 INTEGER NOT NULL, h14 INTEGER NOT NULL, h15 INTEGER NOT NULL,
    PRIMARY KEY (dimension, period, value, server_id)
) WITHOUT ROWID;

CREATE TABLE rollup_daily (
    dimension  TEXT NOT NULL,
    period     INTEGER NOT NULL,
    value      TEXT NOT NULL,
    server_id  INTEGER NOT NULL,
    requests   INTEGER NOT NULL,
    refused    INTEGER NOT NULL,
    errors_4xx INTEGER NOT NULL,
    errors_5xx INTEGER NOT NULL,
    bytes      INTEGER NOT NULL,
    h0 INTEGER NOT NULL, h1 INTEGER NOT NULL, h2 INTEGER NOT NULL, h3 INTEGER NOT NULL,
    h4 INTEGER NOT NULL, h5 INTEGER NOT NULL, h6 INTEGER NOT NULL, h7 INTEGER NOT NULL,
    h8 INTEGER NOT NULL, h9 INTEGER NOT NULL, h10 INTEGER NOT NULL, h11 INTEGER NOT NULL,
    h12 INTEGER NOT NULL, h13 INTEGER NOT NULL, h14 INTEGER NOT NULL, h15 INTEGER NOT NULL,
    PRIMARY KEY (dimension, period, value, server_id)
) WITHOUT ROWID;

-- Batches that are stored, so that one sent twice is stored once. source is the slave's host and
-- service type.
CREATE TABLE telemetry_batches (
    source      TEXT NOT NULL,
    key         TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    accepted    INTEGER NOT NULL,
    PRIMARY KEY (source, key)
) WITHOUT ROWID;
CREATE INDEX telemetry_batches_received ON telemetry_batches (received_at);

-- The number that the next row gets: the lower bits of its id.
CREATE TABLE telemetry_numbers (next INTEGER NOT NULL);
INSERT INTO telemetry_numbers VALUES (0);
