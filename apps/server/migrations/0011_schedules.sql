-- What is done by the clock.
create table schedules (
  org_id text not null,
  id uuid primary key,
  name text not null,
  description text,
  cron_expression text not null,
  timezone text not null,
  target json not null,
  enabled boolean not null,
  catch_up_missed boolean not null,
  max_catch_up integer,
  max_concurrent integer,
  retry_policy json,
  -- Null while it is paused, and once its expression has no time left.
  next_trigger_at timestamptz(3),
  last_triggered_at timestamptz(3),
  -- Why it was paused by itself.
  paused_reason text,
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  unique (org_id, name)
) with (fillfactor = 80);
create index schedules_newest on schedules (org_id, created_at desc, id desc);
create index schedules_due on schedules (next_trigger_at) where enabled;

-- Each time of a schedule, and what came of it.
create table schedule_executions (
  org_id text not null,
  id uuid primary key,
  schedule_id uuid not null references schedules on delete cascade,
  scheduled_at timestamptz(3) not null,
  -- Asked for by hand, beside the times of the clock.
  manual boolean not null,
  status text not null,
  started_at timestamptz(3) not null,
  completed_at timestamptz(3),
  duration_ms integer,
  error text,
  -- How often it was tried, and when it is tried again while it is pending.
  attempts integer not null default 1,
  retry_at timestamptz(3),
  -- The message that it stored, and the turn that answers it.
  session_id text,
  message_id text,
  message_sequence integer,
  turn_id text,
  created_at timestamptz(3) not null default now()
);
-- No time of the clock runs twice.
create unique index schedule_executions_times on schedule_executions (schedule_id, scheduled_at) where not manual;
create index schedule_executions_newest on schedule_executions (schedule_id, scheduled_at desc, id desc);
create index schedule_executions_running on schedule_executions (id) where status = 'running';
create index schedule_executions_open on schedule_executions (schedule_id) where status in ('pending', 'running');
create index schedule_executions_pending on schedule_executions (retry_at) where status = 'pending';
