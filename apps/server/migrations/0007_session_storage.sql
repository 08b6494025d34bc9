-- What sessions keep by name: values as they are, secrets in envelopes.
create table session_storage (
  org_id text not null,
  session_id text not null,
  kind text not null check (kind in ('value', 'secret')),
  name text collate "C" not null,
  body text not null,
  created_at timestamptz(3) not null default clock_timestamp(),
  updated_at timestamptz(3) not null default clock_timestamp(),
  primary key (session_id, kind, name),
  foreign key (org_id, session_id) references sessions (org_id, id) on delete cascade
);
-- For a new master key, which looks at every secret and at no value.
create index session_storage_secrets on session_storage (session_id, name) where kind = 'secret';
