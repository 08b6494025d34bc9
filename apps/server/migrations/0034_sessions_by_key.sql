-- concurrently
create unique index concurrently if not exists sessions_by_key on sessions (org_id, key, agent_id, coalesce(user_id, '')) where key is not null;
