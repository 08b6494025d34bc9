-- concurrently
create index concurrently if not exists sessions_by_hold on sessions (org_id, created_at desc, id desc) where legal_hold;
