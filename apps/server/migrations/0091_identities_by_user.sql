-- concurrently
create index concurrently if not exists identities_by_user on identities (user_id);
