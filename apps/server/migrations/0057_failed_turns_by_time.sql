-- concurrently
create index concurrently if not exists failed_turns_by_time on failed_turns (org_id, failed_at) include (agent_id);
