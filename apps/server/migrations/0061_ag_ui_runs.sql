-- Runs of AG-UI clients: where each begins in the log of its session.
create table ag_ui_runs (
  org_id text not null,
  session_id text not null,
  run_id text not null,
  -- The last event before the run.
  after_sequence integer not null,
  -- message: the turn that answers a message; answers: the rest of the turn that waited.
  kind text not null,
  -- Null: the message whose metadata names the run.
  message_id text,
  -- Calls that the run answers.
  answered text[] not null,
  created_at timestamptz(3) not null default clock_timestamp(),
  primary key (org_id, session_id, run_id),
  foreign key (org_id, session_id) references sessions (org_id, id) on delete cascade
);
create index ag_ui_runs_by_id on ag_ui_runs (org_id, run_id);
