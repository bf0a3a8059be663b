-- On which device at which address a user was on a UTC day: what bandwidth says by the hour. Bit h of hours:
-- in the day's hour h.

-- +goose Up
CREATE TABLE seats_daily (
    day       INTEGER NOT NULL,
    server_id INTEGER NOT NULL,
    user_id   TEXT NOT NULL,
    device_id TEXT NOT NULL,
    ip        TEXT NOT NULL,
    hours     INTEGER NOT NULL,
    PRIMARY KEY (day, server_id, user_id, device_id, ip)
) WITHOUT ROWID;

-- The day from which on seats_daily has all that bandwidth has. It goes back day by day to the first, while
-- the master runs (Janitor.fillSeats); 0: there is nothing left to do.
CREATE TABLE seats_since (day INTEGER NOT NULL);
INSERT INTO seats_since SELECT COALESCE((MAX(hour) / 86400000 + 1) * 86400000, 0) FROM bandwidth;
