-- concurrently
create index concurrently if not exists audit_log_by_target on audit_log (org_id, target, created_at desc, id desc) where target is not null;
