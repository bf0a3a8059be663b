INSERT INTO settings (name, value, created_at, updated_at)
VALUES ('trusted_proxies', '["203.0.113.0/24"]', '2026-11-22 20:00:00+00:00', '2026-11-22 20:00:00+00:00');
