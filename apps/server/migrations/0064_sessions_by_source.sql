-- concurrently
create index concurrently if not exists sessions_by_source on sessions (org_id, (forked_from->>'session_id'), created_at desc, id desc) where forked_from is not null;
