-- +goose Up
ALTER TABLE servers ADD COLUMN upstream_scheme TEXT NOT NULL DEFAULT 'http';
ALTER TABLE servers ADD COLUMN upstream_tls_verify BOOLEAN NOT NULL DEFAULT TRUE;
ALTER TABLE servers ADD COLUMN upstream_tls_name TEXT NOT NULL DEFAULT '';
ALTER TABLE servers ADD COLUMN upstream_tls_ca_path TEXT NOT NULL DEFAULT '/etc/ssl/certs/ca-certificates.crt';

ALTER TABLE profiles ADD COLUMN location_rule_ids TEXT NOT NULL DEFAULT '[]';
ALTER TABLE profiles ADD COLUMN nginx_map_ids TEXT NOT NULL DEFAULT '[]';
ALTER TABLE profiles ADD COLUMN proxy_header_ids TEXT NOT NULL DEFAULT '[]';
ALTER TABLE profiles ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';

CREATE TABLE location_rules (
    id                   INTEGER PRIMARY KEY AUTOINCREMENT,
    name                 TEXT NOT NULL,
    match_type           TEXT NOT NULL,
    pattern              TEXT NOT NULL,
    kind                 TEXT NOT NULL,
    status               INTEGER NOT NULL,
    body                 TEXT NOT NULL,
    content_type         TEXT NOT NULL,
    target               TEXT NOT NULL,
    upstream             TEXT NOT NULL,
    upstream_scheme      TEXT NOT NULL,
    upstream_tls_verify  BOOLEAN NOT NULL,
    upstream_tls_name    TEXT NOT NULL,
    upstream_tls_ca_path TEXT NOT NULL,
    max_age              INTEGER NOT NULL,
    deny_maps            TEXT NOT NULL,
    skip_access          BOOLEAN NOT NULL,
    service_type         TEXT NOT NULL,
    enabled              BOOLEAN NOT NULL,
    created_at           TIMESTAMP NOT NULL,
    updated_at           TIMESTAMP NOT NULL,
    revision             INTEGER NOT NULL DEFAULT 1,
    UNIQUE (service_type, name)
);

CREATE TABLE nginx_maps (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    name          TEXT NOT NULL,
    kind          TEXT NOT NULL,
    everywhere    BOOLEAN NOT NULL,
    source        TEXT NOT NULL,
    entries       TEXT NOT NULL,
    default_value TEXT NOT NULL,
    service_type  TEXT NOT NULL,
    enabled       BOOLEAN NOT NULL,
    created_at    TIMESTAMP NOT NULL,
    updated_at    TIMESTAMP NOT NULL,
    revision      INTEGER NOT NULL DEFAULT 1,
    UNIQUE (kind, name)
);

CREATE TABLE proxy_headers (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    name         TEXT NOT NULL,
    action       TEXT NOT NULL,
    header       TEXT NOT NULL,
    value        TEXT NOT NULL,
    service_type TEXT NOT NULL,
    enabled      BOOLEAN NOT NULL,
    created_at   TIMESTAMP NOT NULL,
    updated_at   TIMESTAMP NOT NULL,
    revision     INTEGER NOT NULL DEFAULT 1,
    UNIQUE (service_type, name)
);

-- A database that nobody has used yet gets the starting set of the library.
INSERT INTO meta (name, value)
SELECT 'starting_set', 'wanted'
WHERE NOT EXISTS (SELECT 1 FROM users) AND NOT EXISTS (SELECT 1 FROM servers)
  AND NOT EXISTS (SELECT 1 FROM players) AND NOT EXISTS (SELECT 1 FROM uri_rules);
