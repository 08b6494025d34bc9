-- concurrently
create index concurrently if not exists api_keys_by_parent on api_keys (org_id, parent_id) where parent_id is not null;
