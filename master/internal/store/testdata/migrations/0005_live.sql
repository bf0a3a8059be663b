INSERT INTO enforcements (dimension, dimension_value, action, effective_until, enabled, automatic, automatic_key, created_at, updated_at)
VALUES ('user', 'aabb', 'reject', '2099-01-01 00:00:00+00:00', FALSE, '{"rule_id":1,"period_type":"daily","period_key":"2026-11-22"}', 'k', '2026-11-22 20:00:00+00:00', '2026-11-22 20:00:00+00:00');
INSERT INTO play_sessions (key, host, service_type, scope, owner, device, play_session_id, user_id, device_id, device_name, item_id, client_name, client_ip, bytes, is_paused, state, reason, started_at, seen_at, until)
VALUES ('k', '203.0.113.10', 'emby', '1', 'user aabb', 'd', 'p', 'aabb', 'd', 'TV', 'i', 'Infuse', '198.51.100.7', 9000000000, FALSE, 'live', '', '2026-11-22 20:00:00+00:00', '2026-11-22 20:00:00+00:00', '2099-01-01 00:00:00+00:00');
INSERT INTO quota_counters (period_type, period_key, dimension, value, slave, scope, requests, bytes, ends_at)
VALUES ('daily', '2026-11-22', 'user', 'aabb', 's', '1', 5, 9000000000, 4070908800);
