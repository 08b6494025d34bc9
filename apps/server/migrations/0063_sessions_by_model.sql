-- concurrently
create index concurrently if not exists sessions_by_model on sessions (org_id, model_id, created_at desc, id desc) where model_id is not null;
