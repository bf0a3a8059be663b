INSERT INTO snapshots (hash, epoch, note, published_by, created_at) VALUES ('dd', 1, 'first', 'ann', '2026-11-22 20:00:00+00:00');
INSERT INTO snapshot_contents (snapshot_id, content) VALUES (1, 'content');
INSERT INTO distributions (snapshot_id, host, service_type, version, config_hash, server_count, status, timings, created_at, delivered_at)
VALUES (1, '203.0.113.10', 'emby', 1795377600, 'ee', 1, 'delivered', '{"test":150}', '2026-11-22 20:00:00+00:00', '2026-11-22 20:00:01+00:00');
INSERT INTO documents (distribution_id, body) VALUES (1, 'body');
INSERT INTO agents (host, service_type, agent_version, config_version, status, metadata, last_seen, applied_snapshot_id, applied_version, applied_at)
VALUES ('203.0.113.10', 'emby', '1.0', 1795377600, 'ok', '{"nginx":"1.22"}', '2026-11-22 20:00:00+00:00', 1, 1795377600, '2026-11-22 20:00:00+00:00');
