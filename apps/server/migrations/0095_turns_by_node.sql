-- concurrently
create index concurrently if not exists turns_by_node on turns (node_id) where node_id is not null;
