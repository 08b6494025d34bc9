-- concurrently
create index concurrently if not exists sessions_by_user on sessions (org_id, user_id, created_at desc, id desc) where user_id is not null;
