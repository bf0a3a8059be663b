INSERT INTO players (client_name, min_version, ua_patterns, service_type, enabled, created_at, updated_at)
VALUES ('Infuse', '7.5', '["^Infuse"]', 'all', TRUE, '2026-11-22 20:00:00+00:00', '2026-11-22 20:00:00+00:00');
INSERT INTO uri_rules (name, action, match_type, pattern, service_type, enabled, created_at, updated_at)
VALUES ('images', 'skip', 'prefix', '/items/images', 'all', TRUE, '2026-11-22 20:00:00+00:00', '2026-11-22 20:00:00+00:00');
INSERT INTO profiles (name, service_type, player_ids, uri_rule_ids, unidentified, deny_message, fake_counts_enabled, fake_counts_value, concurrent_streams, created_at, updated_at)
VALUES ('family', 'emby', '[1]', '[1]', 'reject', 'no', TRUE, 7, '{"max_streams":2,"action_on_exceed":"kick_oldest","deny_message":"full"}', '2026-11-22 20:00:00+00:00', '2026-11-22 20:00:00+00:00');
INSERT INTO servers (name, service_type, host, server_name, upstream, ssl_cert_path, ssl_key_path, listen_http, listen_https, lua_root, custom_nginx, profile_id, enabled, note, created_at, updated_at, revision)
VALUES ('one', 'emby', '203.0.113.10', 'emby1.example.com', '[{"address":"203.0.113.10:8096","weight":3}]', '/c.pem', '/k.pem', 80, 443, '/opt/slave/lua', 'gzip on;', 3, TRUE, 'a note', '2026-11-22 20:00:00+00:00', '2026-11-22 20:00:00+00:00', 4);
INSERT INTO tokens (server_id, name, prefix, hash, scopes, expires_at, revoked_at, last_used_at, created_at)
VALUES (1, 'slave', 'uhd_ABCD', 'aa', '["media_slave:1"]', '2099-01-01 00:00:00+00:00', NULL, '2026-11-22 20:00:00+00:00', '2026-11-22 20:00:00+00:00');
INSERT INTO rate_limit_rules (apply_to, apply_value, rate_per_second, bandwidth_monthly_bytes, over_action, enabled, created_at, updated_at)
VALUES ('user', 'aabb', 5, 9000000000000, 'reject', TRUE, '2026-11-22 20:00:00+00:00', '2026-11-22 20:00:00+00:00');
INSERT INTO stream_rules (apply_to, max_streams, action_on_exceed, enabled, created_at, updated_at)
VALUES ('user', 3, 'reject', TRUE, '2026-11-22 20:00:00+00:00', '2026-11-22 20:00:00+00:00');
INSERT INTO enforcements (dimension, dimension_value, action, reason, effective_until, enabled, created_at, updated_at)
VALUES ('ip', '192.0.2.1', 'reject', 'tries passwords', '2099-01-01 00:00:00+00:00', TRUE, '2026-11-22 20:00:00+00:00', '2026-11-22 20:00:00+00:00');
INSERT INTO users (username, role, password_hash, enabled, created_at, updated_at)
VALUES ('ann', 'admin', '$argon2id$', TRUE, '2026-11-22 20:00:00+00:00', '2026-11-22 20:00:00+00:00');
INSERT INTO api_keys (name, role, prefix, hash, enabled, expires_at, last_used_at, created_at, updated_at)
VALUES ('grafana', 'viewer', 'uha_ABCD', 'bb', TRUE, NULL, NULL, '2026-11-22 20:00:00+00:00', '2026-11-22 20:00:00+00:00');
INSERT INTO sessions (token, data, expiry) VALUES ('cc', 'data', '2099-01-01 00:00:00+00:00');
