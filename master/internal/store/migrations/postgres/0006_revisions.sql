-- +goose Up
-- What replicas keep in memory, and how often it has changed: see changes.go.
CREATE TABLE revisions (
    name     TEXT PRIMARY KEY,
    revision BIGINT NOT NULL
);
