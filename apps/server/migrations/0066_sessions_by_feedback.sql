-- concurrently
create index concurrently if not exists sessions_by_feedback on sessions (org_id, created_at desc, id desc) where feedback is not null;
