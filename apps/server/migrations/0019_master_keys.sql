-- A known text under each master key, with which a node finds out whether it was given the same keys as the others.
create table master_keys (
  id text primary key,
  sealed text not null,
  created_at timestamptz(3) not null default now()
);
