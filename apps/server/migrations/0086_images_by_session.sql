-- concurrently
create index concurrently if not exists images_by_session on images (org_id, session_id) where session_id is not null;
