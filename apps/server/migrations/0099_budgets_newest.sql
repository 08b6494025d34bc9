-- concurrently
create index concurrently if not exists budgets_newest on budgets (org_id, created_at desc, id desc) where subject_type <> 'channel_user';
