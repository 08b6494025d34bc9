-- concurrently
create index concurrently if not exists audit_log_by_actor on audit_log (org_id, actor_id, created_at desc, id desc) where actor_id is not null;
