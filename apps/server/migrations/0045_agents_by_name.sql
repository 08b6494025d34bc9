-- concurrently
create index concurrently if not exists agents_by_name on agents (org_id, name, created_at desc, id desc) where status = 'active';
