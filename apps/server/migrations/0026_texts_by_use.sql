-- concurrently
create index concurrently if not exists texts_by_use on texts (org_id, used_at);
