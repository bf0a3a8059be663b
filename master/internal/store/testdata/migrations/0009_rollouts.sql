INSERT INTO rollouts (state, note, requested_by, orders, plan, snapshot_id, created_at, published_at, ended_at)
VALUES ('done', 'first', 'ann', '{}', '{}', 1, '2026-11-22 20:00:00+00:00', '2026-11-22 20:00:00+00:00', '2026-11-22 20:30:00+00:00');
