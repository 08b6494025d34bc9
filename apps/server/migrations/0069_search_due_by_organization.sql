-- concurrently
create index concurrently if not exists search_due_by_organization on search_due (org_id, due_at);
