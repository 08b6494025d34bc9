-- What nodes counted, a row for each minute in which a turn of theirs ended or a model began to answer. Forgotten after a day.
create table turn_minutes (
  at timestamptz(3) not null,
  node_id text not null,
  completed integer not null,
  failed integer not null,
  cancelled integer not null,
  -- How many took how long: by the bounds of observe/times.ts, which are for good.
  turn_times integer[] not null,
  first_token_times integer[] not null,
  primary key (at, node_id)
);
