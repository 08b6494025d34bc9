-- For whoever looks after a server. Turns that ended well leave nothing here.

-- Turns that failed for good: written by the statement that ends one so, gone with its session.
create table failed_turns (
  org_id text not null,
  id text not null,
  session_id text not null,
  agent_id text not null,
  -- The message that it was for, and where that stands in the log.
  input_message_id text not null,
  input_sequence integer not null,
  -- Of its last event.
  sequence integer not null,
  attempts integer not null,
  node_id text,
  error text not null,
  error_code text not null,
  failed_at timestamptz(3) not null,
  -- The turn that tried it again.
  retried_as text,
  primary key (org_id, id)
);
create index failed_turns_by_session on failed_turns (session_id, sequence);

-- Until when a turn waits before it asks a model again. Worthless after a crash, hence unlogged.
create unlogged table pauses (
  turn_id text primary key,
  error_code text not null,
  since timestamptz not null default clock_timestamp(),
  until timestamptz not null
);

-- A draining node takes no new turn.
alter table nodes add column draining boolean not null default false;
