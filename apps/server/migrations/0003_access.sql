-- Who may call, for whom, and how much. Secrets stand here as hashes only.

create table users (
  id uuid primary key,
  -- In lower case: one person, however it is typed.
  email text not null unique,
  name text not null,
  -- Null where the person signs in elsewhere.
  password_hash text,
  auth_provider text not null default 'local',
  avatar_url text,
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now()
);

-- Who a person is to another issuer.
create table identities (
  provider text not null,
  subject text not null,
  user_id uuid not null references users (id) on delete cascade,
  created_at timestamptz(3) not null default now(),
  primary key (provider, subject)
);

create table members (
  org_id text not null references organizations (id) on delete cascade,
  user_id uuid not null references users (id) on delete cascade,
  role text not null,
  created_at timestamptz(3) not null default now(),
  primary key (org_id, user_id)
);
create index members_by_user on members (user_id, org_id);

create table invitations (
  org_id text not null references organizations (id) on delete cascade,
  id text not null,
  email text not null,
  role text not null,
  token_hash text not null unique,
  invited_by text not null,
  expires_at timestamptz(3) not null,
  created_at timestamptz(3) not null default now(),
  primary key (org_id, id),
  unique (org_id, email)
);

-- One sign-in of a person on one device. Its refresh token is replaced at each use: an older one that comes back was stolen.
create table logins (
  id uuid primary key,
  user_id uuid not null references users (id) on delete cascade,
  refresh_hash text not null,
  address text,
  user_agent text,
  created_at timestamptz(3) not null default now(),
  refreshed_at timestamptz(3) not null default now(),
  expires_at timestamptz(3) not null
);
create index logins_by_user on logins (user_id);
create index logins_age on logins (expires_at);

-- Sign-ins that went out to an issuer and have not come back.
create table login_states (
  state_hash text primary key,
  provider text not null,
  expires_at timestamptz(3) not null
);
create index login_states_age on login_states (expires_at);

create table api_keys (
  org_id text not null references organizations (id) on delete cascade,
  id uuid not null,
  user_id uuid not null references users (id) on delete cascade,
  name text not null,
  key_prefix text not null,
  hash text not null unique,
  scopes text[] not null,
  expires_at timestamptz(3),
  last_used_at timestamptz(3),
  created_at timestamptz(3) not null default now(),
  primary key (org_id, id)
) with (fillfactor = 80);

-- What nodes must forget: each row names a key, a login, a user or a membership that is not what it was. The revision is
-- taken under a row lock, so that revisions are seen in their order.
create table access_revision (
  one boolean primary key default true check (one),
  revision bigint not null default 0
) with (fillfactor = 50);
insert into access_revision default values;
create table access_changes (
  revision bigint primary key,
  subjects text[] not null,
  created_at timestamptz(3) not null default now()
);

-- Token buckets of all nodes. Worthless after a crash, hence unlogged.
create unlogged table rate_limits (
  subject text primary key,
  tokens double precision not null,
  capacity double precision not null,
  seconds double precision not null,
  updated_at timestamptz not null default now()
) with (fillfactor = 50);

create table audit_log (
  org_id text not null,
  id text not null,
  created_at timestamptz(3) not null default clock_timestamp(),
  actor_type text not null,
  actor_id text,
  actor_name text,
  action text not null,
  target text,
  address text,
  user_agent text,
  request_id text,
  details json,
  primary key (org_id, id)
);
create index audit_log_newest on audit_log (org_id, created_at desc, id desc);

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'audit_log is append-only';
end
$$;
create trigger audit_log_append_only before update or delete or truncate on audit_log
  for each statement execute function refuse_change();

-- What a session takes, and its organization: counted when a model has answered, and every 64 KiB between.
alter table sessions add column stored_bytes bigint not null default 0;
alter table counters add column stored_bytes bigint not null default 0;
