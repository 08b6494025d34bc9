-- concurrently
create index concurrently if not exists images_by_user on images (org_id, used_by) where used_by is not null;
