-- Doors of an agent for other programs. Ids are unique across organizations, because the requests of callers name no organization.
create table agent_channels (
  org_id text not null,
  id text not null unique,
  agent_id text not null,
  channel_type text not null,
  -- Without defaults, which are filled in when it is read.
  config json not null,
  enabled boolean not null,
  status text not null default 'draft',
  created_at timestamptz(3) not null default clock_timestamp(),
  updated_at timestamptz(3) not null default clock_timestamp(),
  primary key (org_id, id),
  foreign key (org_id, agent_id) references agents (org_id, id) on delete cascade
) with (fillfactor = 80);
create index agent_channels_of_agent on agent_channels (org_id, agent_id, created_at desc, id desc);

-- Keys of programs that call a channel. A key belongs to the organization and outlives the person who made it.
create table agent_keys (
  org_id text not null,
  id text not null,
  channel_id text not null,
  name text not null,
  key_prefix text not null,
  permissions text[] not null,
  hash text not null unique,
  -- The secret before the latest rotation, and until when it is accepted.
  previous_hash text unique,
  previous_valid_until timestamptz(3),
  expires_at timestamptz(3),
  last_used_at timestamptz(3),
  revoked_at timestamptz(3),
  created_at timestamptz(3) not null default clock_timestamp(),
  primary key (org_id, id),
  foreign key (org_id, channel_id) references agent_channels (org_id, id) on delete cascade
) with (fillfactor = 80);
create index agent_keys_of_channel on agent_keys (org_id, channel_id, created_at desc, id desc);

-- The key through which a session of a channel was made. Its users are other people than those of another key.
alter table sessions add column channel_key_id text;

-- A trigger, so that no way to archive or restore an agent leaves callers of its channels in a cache.
create function forget_channels_of_agent() returns trigger language plpgsql as $$
begin
  with c as (
    select array_agg('channel:' || id) as subjects from agent_channels
    where org_id = new.org_id and agent_id = new.id
  ), r as (
    update access_revision set revision = revision + 1
    where (select subjects from c) is not null returning revision
  )
  insert into access_changes (revision, subjects) select r.revision, c.subjects from r, c;
  return null;
end
$$;
create trigger agent_status_changed after update of status on agents
  for each row when (new.status is distinct from old.status) execute function forget_channels_of_agent();
