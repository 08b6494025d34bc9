-- concurrently
create index concurrently if not exists audit_log_by_action on audit_log (org_id, action, created_at desc, id desc);
