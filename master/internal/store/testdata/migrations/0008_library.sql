INSERT INTO location_rules (name, match_type, pattern, kind, status, body, content_type, target, upstream, upstream_scheme, upstream_tls_verify, upstream_tls_name, upstream_tls_ca_path, max_age, deny_maps, skip_access, service_type, enabled, created_at, updated_at)
VALUES ('moved', 'prefix', '/old/', 'redirect', 301, '', '', '/new/', '[]', 'http', TRUE, '', '/etc/ssl/certs/ca-certificates.crt', 0, '["old"]', FALSE, 'all', TRUE, '2026-11-22 20:00:00+00:00', '2026-11-22 20:00:00+00:00');
INSERT INTO nginx_maps (name, kind, everywhere, source, entries, default_value, service_type, enabled, created_at, updated_at)
VALUES ('old', 'deny', TRUE, 'http_user_agent', '[{"match_type":"prefix","pattern":"Old/1.","value":"1"}]', '0', 'all', TRUE, '2026-11-22 20:00:00+00:00', '2026-11-22 20:00:00+00:00');
INSERT INTO proxy_headers (name, action, header, value, service_type, enabled, created_at, updated_at)
VALUES ('robots', 'add_response', 'X-Robots-Tag', 'noindex', 'all', TRUE, '2026-11-22 20:00:00+00:00', '2026-11-22 20:00:00+00:00');
UPDATE servers SET upstream_scheme = 'https', upstream_tls_name = 'emby.example.com';
UPDATE profiles SET location_rule_ids = '[1]', nginx_map_ids = '[1]', proxy_header_ids = '[1]', settings = '{"client_max_body_size":"30m"}' WHERE id = 3;
