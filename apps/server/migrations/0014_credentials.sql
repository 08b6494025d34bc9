-- The keys through which a key was made, oldest first: it ends with each of them.
alter table api_keys add column ancestors uuid[] not null default '{}';
alter table api_keys add column parent_id uuid
  generated always as (ancestors[cardinality(ancestors)]) stored;
alter table api_keys add foreign key (org_id, parent_id) references api_keys (org_id, id) on delete cascade;

-- True for the account that the settings' administrator signs in to. Any other account of that address was made by someone
-- else, and loses its credentials before the administrator gets it.
alter table users add column is_settings_admin boolean not null default false;
-- Only the server makes local accounts without a password.
update users u set is_settings_admin = true
where password_hash is null and auth_provider = 'local'
  and not exists (select from identities i where i.user_id = u.id);

-- An account that the operator disabled: it cannot sign in, and its keys have no effect.
alter table users add column disabled_at timestamptz(3);
