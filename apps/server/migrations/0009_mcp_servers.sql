-- Servers of tools. `revision` rises when they are reached another way: what was listed before is another server's.
create table mcp_servers (
  org_id text not null,
  id text not null,
  name text not null,
  description text,
  url text not null,
  -- Names stand in plain beside the envelope that holds names and values.
  header_names text[] not null default '{}',
  headers text,
  api_key text,
  status text not null default 'active',
  revision integer not null default 1,
  -- What the server listed, checked and made ready for models; json: its texts are a stranger's.
  tools json,
  tool_count integer,
  tools_listed_at timestamptz(3),
  -- Why the list could not be had when it was last tried.
  tools_error text,
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  primary key (org_id, id),
  unique (org_id, name)
);
