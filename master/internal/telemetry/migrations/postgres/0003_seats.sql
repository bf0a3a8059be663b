-- On which device at which address a user was on a UTC day: what bandwidth says by the hour. Bit h of hours:
-- in the day's hour h.

-- +goose Up
CREATE TABLE seats_daily (
    day       BIGINT NOT NULL,
    server_id BIGINT NOT NULL,
    user_id   TEXT COLLATE "C" NOT NULL,
    device_id TEXT COLLATE "C" NOT NULL,
    ip        TEXT COLLATE "C" NOT NULL,
    hours     BIGINT NOT NULL,
    PRIMARY KEY (day, server_id, user_id, device_id, ip)
) WITH (fillfactor = 80);

-- The day from which on seats_daily has all that bandwidth has. It goes back day by day to the first, while
-- the master runs (Janitor.fillSeats); 0: there is nothing left to do.
CREATE TABLE seats_since (day BIGINT NOT NULL);
INSERT INTO seats_since SELECT COALESCE((MAX(hour) / 86400000 + 1) * 86400000, 0) FROM bandwidth;
