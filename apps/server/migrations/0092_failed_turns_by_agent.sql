-- concurrently
create index concurrently if not exists failed_turns_by_agent on failed_turns (org_id, agent_id, failed_at);
