-- concurrently
create index concurrently if not exists sessions_by_wait on sessions (org_id, (waiting_for->>'since'), agent_id, id) where waiting_for is not null and waits_for_person(waiting_for);
