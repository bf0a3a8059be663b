-- Telemetry. The package comment says what the kinds are; times are milliseconds since 1970 UTC, and an id
-- begins with its row's second, so that rows lie in the order of time. Texts compare byte by byte, as on
-- SQLite and in Go: writers that sort rows so do not lock each other out.

-- +goose Up
-- A partition per UTC day, which ingest makes and retention drops. Its id needs no unique index: numbers
-- are drawn.
CREATE TABLE access_logs (
    id               BIGINT NOT NULL,
    time             BIGINT NOT NULL,
    server_id        BIGINT NOT NULL,
    request_id       TEXT COLLATE "C" NOT NULL,
    ip               TEXT COLLATE "C" NOT NULL,
    method           TEXT COLLATE "C" NOT NULL,
    uri              TEXT COLLATE "C" NOT NULL,
    status           BIGINT NOT NULL,
    bytes_sent       BIGINT NOT NULL,
    accounted        BIGINT NOT NULL,
    request_time_us  BIGINT NOT NULL,
    upstream_time_us BIGINT NOT NULL,
    upstream_status  BIGINT NOT NULL,
    streaming        BOOLEAN NOT NULL,
    server_name      TEXT COLLATE "C" NOT NULL,
    profile          TEXT COLLATE "C" NOT NULL,
    client_name      TEXT COLLATE "C" NOT NULL,
    client_version   TEXT COLLATE "C" NOT NULL,
    client_kind      TEXT COLLATE "C" NOT NULL,
    device_id        TEXT COLLATE "C" NOT NULL,
    device_name      TEXT COLLATE "C" NOT NULL,
    user_id          TEXT COLLATE "C" NOT NULL,
    token_hash       TEXT COLLATE "C" NOT NULL,
    user_agent       TEXT COLLATE "C" NOT NULL,
    play_session_id  TEXT COLLATE "C" NOT NULL,
    item_id          TEXT COLLATE "C" NOT NULL,
    verdict          TEXT COLLATE "C" NOT NULL,
    reason           TEXT COLLATE "C" NOT NULL,
    rule             TEXT COLLATE "C" NOT NULL
) PARTITION BY RANGE (id);
CREATE INDEX access_logs_id ON access_logs (id);

CREATE TABLE blocked_requests (
    id             BIGINT PRIMARY KEY,
    time           BIGINT NOT NULL,
    server_id      BIGINT NOT NULL,
    request_id     TEXT COLLATE "C" NOT NULL,
    ip             TEXT COLLATE "C" NOT NULL,
    method         TEXT COLLATE "C" NOT NULL,
    uri            TEXT COLLATE "C" NOT NULL,
    status         BIGINT NOT NULL,
    reason         TEXT COLLATE "C" NOT NULL,
    rule           TEXT COLLATE "C" NOT NULL,
    server_name    TEXT COLLATE "C" NOT NULL,
    profile        TEXT COLLATE "C" NOT NULL,
    client_name    TEXT COLLATE "C" NOT NULL,
    client_version TEXT COLLATE "C" NOT NULL,
    client_kind    TEXT COLLATE "C" NOT NULL,
    device_id      TEXT COLLATE "C" NOT NULL,
    device_name    TEXT COLLATE "C" NOT NULL,
    user_id        TEXT COLLATE "C" NOT NULL,
    user_agent     TEXT COLLATE "C" NOT NULL
);
CREATE INDEX blocked_requests_request ON blocked_requests (request_id);

CREATE TABLE login_events (
    id             BIGINT PRIMARY KEY,
    time           BIGINT NOT NULL,
    server_id      BIGINT NOT NULL,
    event          TEXT COLLATE "C" NOT NULL,
    success        BOOLEAN NOT NULL,
    user_id        TEXT COLLATE "C" NOT NULL,
    user_name      TEXT COLLATE "C" NOT NULL,
    ip             TEXT COLLATE "C" NOT NULL,
    client_name    TEXT COLLATE "C" NOT NULL,
    client_version TEXT COLLATE "C" NOT NULL,
    device_id      TEXT COLLATE "C" NOT NULL,
    device_name    TEXT COLLATE "C" NOT NULL
);

CREATE TABLE playback_events (
    id              BIGINT PRIMARY KEY,
    time            BIGINT NOT NULL,
    server_id       BIGINT NOT NULL,
    event           TEXT COLLATE "C" NOT NULL,
    play_session_id TEXT COLLATE "C" NOT NULL,
    item_id         TEXT COLLATE "C" NOT NULL,
    user_id         TEXT COLLATE "C" NOT NULL,
    ip              TEXT COLLATE "C" NOT NULL,
    client_name     TEXT COLLATE "C" NOT NULL,
    client_version  TEXT COLLATE "C" NOT NULL,
    device_id       TEXT COLLATE "C" NOT NULL,
    device_name     TEXT COLLATE "C" NOT NULL,
    position_ticks  BIGINT NOT NULL,
    is_paused       BOOLEAN NOT NULL
);

CREATE TABLE playback_sessions (
    id              BIGINT PRIMARY KEY,
    server_id       BIGINT NOT NULL,
    play_session_id TEXT COLLATE "C" NOT NULL,
    device_id       TEXT COLLATE "C" NOT NULL,
    started_at      BIGINT NOT NULL,
    last_seen_at    BIGINT NOT NULL,
    stopped_at      BIGINT NOT NULL,
    user_id         TEXT COLLATE "C" NOT NULL,
    item_id         TEXT COLLATE "C" NOT NULL,
    ip              TEXT COLLATE "C" NOT NULL,
    client_name     TEXT COLLATE "C" NOT NULL,
    client_version  TEXT COLLATE "C" NOT NULL,
    device_name     TEXT COLLATE "C" NOT NULL,
    requests        BIGINT NOT NULL,
    bytes           BIGINT NOT NULL,
    position_ticks  BIGINT NOT NULL,
    UNIQUE (server_id, play_session_id, device_id)
) WITH (fillfactor = 80);
CREATE INDEX playback_sessions_seen ON playback_sessions (last_seen_at);

-- Sums leave room in their pages, so that most updates stay there and need no new entry in an index.
CREATE TABLE devices (
    server_id      BIGINT NOT NULL,
    device_id      TEXT COLLATE "C" NOT NULL,
    first_seen_at  BIGINT NOT NULL,
    last_seen_at   BIGINT NOT NULL,
    user_id        TEXT COLLATE "C" NOT NULL,
    ip             TEXT COLLATE "C" NOT NULL,
    client_name    TEXT COLLATE "C" NOT NULL,
    client_version TEXT COLLATE "C" NOT NULL,
    device_name    TEXT COLLATE "C" NOT NULL,
    requests       BIGINT NOT NULL,
    PRIMARY KEY (server_id, device_id)
) WITH (fillfactor = 80);

CREATE TABLE user_activities (
    day           BIGINT NOT NULL,
    server_id     BIGINT NOT NULL,
    user_id       TEXT COLLATE "C" NOT NULL,
    first_seen_at BIGINT NOT NULL,
    last_seen_at  BIGINT NOT NULL,
    requests      BIGINT NOT NULL,
    refused       BIGINT NOT NULL,
    bytes         BIGINT NOT NULL,
    PRIMARY KEY (day, server_id, user_id)
) WITH (fillfactor = 80);

CREATE TABLE realtime_sessions (
    reporter_id     BIGINT NOT NULL,
    server_id       BIGINT NOT NULL,
    session_id      TEXT COLLATE "C" NOT NULL,
    reported_at     BIGINT NOT NULL,
    play_session_id TEXT COLLATE "C" NOT NULL,
    user_id         TEXT COLLATE "C" NOT NULL,
    item_id         TEXT COLLATE "C" NOT NULL,
    ip              TEXT COLLATE "C" NOT NULL,
    client_name     TEXT COLLATE "C" NOT NULL,
    device_id       TEXT COLLATE "C" NOT NULL,
    device_name     TEXT COLLATE "C" NOT NULL,
    is_playing      BOOLEAN NOT NULL,
    is_paused       BOOLEAN NOT NULL,
    started_at      BIGINT NOT NULL,
    bytes           BIGINT NOT NULL,
    PRIMARY KEY (reporter_id, server_id, session_id)
);

CREATE TABLE api_calls (
    hour            BIGINT NOT NULL,
    server_id       BIGINT NOT NULL,
    method          TEXT COLLATE "C" NOT NULL,
    endpoint        TEXT COLLATE "C" NOT NULL,
    requests        BIGINT NOT NULL,
    refused         BIGINT NOT NULL,
    errors_4xx      BIGINT NOT NULL,
    errors_5xx      BIGINT NOT NULL,
    bytes           BIGINT NOT NULL,
    request_time_us BIGINT NOT NULL,
    PRIMARY KEY (hour, server_id, method, endpoint)
) WITH (fillfactor = 80);

CREATE TABLE bandwidth (
    hour      BIGINT NOT NULL,
    server_id BIGINT NOT NULL,
    user_id   TEXT COLLATE "C" NOT NULL,
    device_id TEXT COLLATE "C" NOT NULL,
    ip        TEXT COLLATE "C" NOT NULL,
    requests  BIGINT NOT NULL,
    bytes     BIGINT NOT NULL,
    PRIMARY KEY (hour, server_id, user_id, device_id, ip)
) WITH (fillfactor = 80);

CREATE TABLE media_access (
    day             BIGINT NOT NULL,
    server_id       BIGINT NOT NULL,
    user_id         TEXT COLLATE "C" NOT NULL,
    item_id         TEXT COLLATE "C" NOT NULL,
    first_access_at BIGINT NOT NULL,
    last_access_at  BIGINT NOT NULL,
    requests        BIGINT NOT NULL,
    bytes           BIGINT NOT NULL,
    plays           BIGINT NOT NULL,
    PRIMARY KEY (day, server_id, user_id, item_id)
) WITH (fillfactor = 80);

-- One row per hour (or day), dimension, value and server. h0 … h15 are the latency histogram of
-- LatencyBounds.
CREATE TABLE rollup_hourly (
    dimension  TEXT COLLATE "C" NOT NULL,
    period     BIGINT NOT NULL,
    value      TEXT COLLATE "C" NOT NULL,
    server_id  BIGINT NOT NULL,
    requests   BIGINT NOT NULL,
    refused    BIGINT NOT NULL,
    errors_4xx BIGINT NOT NULL,
    errors_5xx BIGINT NOT NULL,
    bytes      BIGINT NOT NULL,
    h0 BIGINT NOT NULL, h1 BIGINT NOT NULL, h2 BIGINT NOT NULL, h3 BIGINT NOT NULL,
    h4 BIGINT NOT NULL, h5 BIGINT NOT NULL, h6 BIGINT NOT NULL, h7 BIGINT NOT NULL,
    h8 BIGINT NOT NULL, h9 BIGINT NOT NULL, h10 BIGINT NOT NULL, h11 BIGINT NOT NULL,
    h12 BIGINT NOT NULL, h13 BIGINT NOT NULL, h14 BIGINT NOT NULL, h15 BIGINT NOT NULL,
    PRIMARY KEY (dimension, period, value, server_id)
) WITH (fillfactor = 80);
CREATE INDEX rollup_hourly_period ON rollup_hourly USING brin (period);

CREATE TABLE rollup_daily (
    dimension  TEXT COLLATE "C" NOT NULL,
    period     BIGINT NOT NULL,
    value      TEXT COLLATE "C" NOT NULL,
    server_id  BIGINT NOT NULL,
    requests   BIGINT NOT NULL,
    refused    BIGINT NOT NULL,
    errors_4xx BIGINT NOT NULL,
    errors_5xx BIGINT NOT NULL,
    bytes      BIGINT NOT NULL,
    h0 BIGINT NOT NULL, h1 BIGINT NOT NULL, h2 BIGINT NOT NULL, h3 BIGINT NOT NULL,
    h4 BIGINT NOT NULL, h5 BIGINT NOT NULL, h6 BIGINT NOT NULL, h7 BIGINT NOT NULL,
    h8 BIGINT NOT NULL, h9 BIGINT NOT NULL, h10 BIGINT NOT NULL, h11 BIGINT NOT NULL,
    h12 BIGINT NOT NULL, h13 BIGINT NOT NULL, h14 BIGINT NOT NULL, h15 BIGINT NOT NULL,
    PRIMARY KEY (dimension, period, value, server_id)
) WITH (fillfactor = 80);
CREATE INDEX rollup_daily_period ON rollup_daily USING brin (period);

-- Batches that are stored, so that one sent twice is stored once. source is the slave's host and
-- service type.
CREATE TABLE telemetry_batches (
    source      TEXT COLLATE "C" NOT NULL,
    key         TEXT COLLATE "C" NOT NULL,
    received_at BIGINT NOT NULL,
    accepted    BIGINT NOT NULL,
    PRIMARY KEY (source, key)
);
CREATE INDEX telemetry_batches_received ON telemetry_batches (received_at);

-- The number that the next row gets: the lower bits of its id.
CREATE TABLE telemetry_numbers (next BIGINT NOT NULL);
INSERT INTO telemetry_numbers VALUES (0);
