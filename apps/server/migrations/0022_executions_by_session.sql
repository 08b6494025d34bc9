-- concurrently
create index concurrently if not exists schedule_executions_by_session on schedule_executions (session_id) where session_id is not null;
