INSERT INTO drafts (name, service_type, profile_id, server_ids, step, document, created_by, created_at, updated_at, revision)
VALUES ('family', 'emby', 3, '[1]', 2, '{"profiles":[{"name":"family","service_type":"emby"}]}', 'ann', '2026-11-22 20:00:00+00:00', '2026-11-22 20:00:00+00:00', 1);
