-- Outlast's tables. Every key starts with the organization; ids are the ids of the wire.
-- Text that clients wrote freely is json, never jsonb: jsonb refuses NUL and reorders keys.

create table organizations (
  id text primary key,
  name text not null,
  -- False once somebody chose the default model: the environment no longer does.
  default_model_seeded boolean not null default true,
  created_at timestamptz(3) not null default now()
);

create table providers (
  org_id text not null,
  id text not null,
  name text not null,
  provider_type text not null,
  base_url text,
  api_key text,
  status text not null default 'active',
  last_synced_at timestamptz(3),
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  primary key (org_id, id)
);

create table models (
  org_id text not null,
  id text not null,
  provider_id text not null,
  model_id text not null,
  display_name text not null,
  capabilities text[] not null default '{}',
  is_default boolean not null default false,
  is_favorite boolean not null default false,
  status text not null default 'active',
  source text not null default 'manual',
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  primary key (org_id, id),
  unique (org_id, provider_id, model_id),
  foreign key (org_id, provider_id) references providers (org_id, id) on delete cascade
);
create unique index models_default on models (org_id) where is_default;

create table agents (
  org_id text not null,
  id text not null,
  name text not null,
  description text,
  system_prompt text not null,
  default_model_id text,
  tags text[] not null default '{}',
  capabilities json not null default '[]',
  status text not null default 'active',
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  primary key (org_id, id)
);
create index agents_newest on agents (org_id, created_at desc, id desc) where status = 'active';

-- The row answers GET /v1/sessions/{id} alone, and holds the one turn that may run.
-- No index holds a column that a turn changes: that would end heap-only updates.
create table sessions (
  org_id text not null,
  id text not null,
  agent_id text not null,
  title text,
  tags text[] not null default '{}',
  model_id text,
  capabilities json not null default '[]',
  status text not null default 'started',
  preview text,
  output_preview text,
  input_tokens bigint not null default 0,
  output_tokens bigint not null default 0,
  cache_read_tokens bigint,
  cache_creation_tokens bigint,
  started_at timestamptz(3),
  finished_at timestamptz(3),
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  -- The last event's number.
  sequence integer not null default 0,
  turn_id text,
  -- The sequence of the message that the turn answers first: its fold begins there.
  turn_from integer,
  -- The id of that message.
  turn_input text,
  -- Who may append: the attempt is current, the turn not cancelled.
  turn_attempt integer not null default 0,
  -- Attempts since the log last gained an outcome.
  turn_tries integer not null default 0,
  turn_node text,
  turn_cancelled boolean not null default false,
  -- Up to where the latest llm.generation has told what the model saw, and with which prompt.
  context_sequence integer not null default 0,
  context_prompt text,
  primary key (org_id, id)
) with (fillfactor = 80);
create index sessions_newest on sessions (org_id, created_at desc, id desc);
create index sessions_by_agent on sessions (org_id, agent_id, created_at desc, id desc);
create index sessions_untouched on sessions (org_id, created_at desc, id desc)
  where started_at is null;
create index sessions_by_tag on sessions using gin (tags) where tags <> '{}';

create table events (
  session_id text not null,
  sequence integer not null,
  type text not null,
  ts timestamptz(3) not null,
  context json not null,
  data json not null,
  tags text[],
  primary key (session_id, sequence)
);

-- The turns that are not over. A row here without a living node is a turn to take over.
create table turns (
  id text primary key,
  org_id text not null,
  session_id text not null,
  node_id text,
  created_at timestamptz(3) not null default now()
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
create index turns_by_session on turns (org_id, session_id);

-- Who is alive, by the database's clock. Worthless after a crash of the database, hence unlogged.
create unlogged table nodes (
  id text primary key,
  version text not null,
  role text not null,
  slots integer not null,
  started_at timestamptz not null default now(),
  expires_at timestamptz not null
) with (fillfactor = 50);

-- Counts that many write at once, spread over rows: the sum of the shards is the count.
-- The empty agent_id is the whole organization.
create table counters (
  org_id text not null,
  agent_id text not null,
  shard smallint not null,
  sessions bigint not null default 0,
  input_tokens bigint not null default 0,
  output_tokens bigint not null default 0,
  cache_read_tokens bigint not null default 0,
  cache_creation_tokens bigint not null default 0,
  primary key (org_id, agent_id, shard)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

-- Prompts and tool lists that models were given, each once.
create table texts (
  org_id text not null,
  hash text not null,
  body text not null,
  primary key (org_id, hash)
);

create table idempotency_keys (
  org_id text not null,
  principal text not null,
  method text not null,
  path text not null,
  key text not null,
  body_hash text not null,
  status smallint,
  answer text,
  created_at timestamptz(3) not null default now(),
  primary key (org_id, principal, method, path, key)
);
create index idempotency_keys_age on idempotency_keys (created_at);
