-- concurrently
create index concurrently if not exists idempotency_keys_by_session on idempotency_keys using gin (session_ids) where session_ids <> '{}';
