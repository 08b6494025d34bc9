-- What a model has said so far in a message that runs, for followers on other nodes who came late.
-- Written only when one asks, gone with the message; worthless after a crash, hence unlogged.
create unlogged table snapshots (
  session_id text primary key,
  -- The sequence of the message's output.message.started.
  sequence integer not null,
  turn_id text not null,
  context json not null,
  pieces json not null,
  -- UTF-16 units in all pieces.
  length integer not null,
  written_at timestamptz not null default now()
);
