-- concurrently
create index concurrently if not exists session_tokens_by_end_user on session_tokens (org_id, end_user, created_at desc, id desc) where end_user is not null;
