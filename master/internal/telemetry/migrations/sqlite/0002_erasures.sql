-- Orders to erase all rows of a user, and how far they have come (package erasure).

-- +goose Up
CREATE TABLE erasures (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id      TEXT NOT NULL,
    requested_by TEXT NOT NULL,
    state        TEXT NOT NULL,    -- waiting, running, done
    step         INTEGER NOT NULL, -- the one at hand, of erasure's list
    position     INTEGER NOT NULL, -- within it
    first        INTEGER NOT NULL, -- where it began
    until        INTEGER NOT NULL, -- where it ends; 0: it has not begun
    devices      TEXT NOT NULL,    -- JSON list of the user's
    rows         INTEGER NOT NULL, -- that are gone
    error        TEXT NOT NULL,    -- the last; it is tried again
    created_at   INTEGER NOT NULL,
    finished_at  INTEGER NOT NULL, -- 0: it has not
    worker       TEXT NOT NULL,    -- the master that works on it, '' for none
    seen_at      INTEGER NOT NULL  -- when that one last said so
);
