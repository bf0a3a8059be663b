INSERT INTO audit_entries (at, actor, user_id, address, action, resource, resource_id, before, after, hidden)
VALUES ('2026-11-22 20:00:00+00:00', 'ann', 1, '198.51.100.7', 'update', 'players', 1, '{"id":1}', '{"id":1}', '["password"]');
UPDATE users SET sessions_ended_at = '2026-11-22 20:00:00+00:00';
UPDATE api_keys SET scopes = '["servers:read"]';
