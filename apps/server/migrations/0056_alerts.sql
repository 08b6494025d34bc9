-- Rules that compare a measured value with a threshold. The node that claims one when it is due evaluates it.
create table alerts (
  id text primary key,
  org_id text not null,
  name text not null,
  metric text not null,
  agent_id text,
  threshold double precision not null,
  resolve_below double precision,
  window_seconds integer,
  min_turns integer,
  repeat_seconds integer,
  enabled boolean not null,
  -- Of the latest evaluation.
  value double precision,
  evaluated_at timestamptz(3),
  due_at timestamptz not null default now(),
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now()
) with (fillfactor = 50);
create index alerts_newest on alerts (org_id, created_at desc, id desc);
create index alerts_due on alerts (due_at) where enabled;

-- The counters at some times of the window: those of now, less these, are the sums of the window. At most 62 for each alert.
create table alert_samples (
  alert_id text not null references alerts on delete cascade,
  at timestamptz not null,
  turns bigint not null,
  cost_nanos bigint not null,
  primary key (alert_id, at)
);

-- The newest 100 of each alert.
create table alert_firings (
  id text primary key,
  alert_id text not null references alerts on delete cascade,
  fired_at timestamptz(3) not null default clock_timestamp(),
  threshold double precision not null,
  value double precision not null,
  notified_at timestamptz(3) not null default clock_timestamp(),
  notifications integer not null default 1,
  resolved_at timestamptz(3),
  resolution text
) with (fillfactor = 80);
-- An alert fires once at a time.
create unique index alert_firings_open on alert_firings (alert_id) where resolved_at is null;
create index alert_firings_newest on alert_firings (alert_id, fired_at desc, id desc);

-- A trigger, so that a firing and its events in the outbox are stored together.
create function announce_firing() returns trigger language plpgsql as $$
declare
  a alerts;
  -- RFC 3339 in UTC.
  form text := 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"';
begin
  select * into a from alerts where id = new.alert_id;
  perform enqueue_webhook_event(
    a.org_id,
    case when new.resolved_at is null then 'alert.fired' else 'alert.resolved' end,
    'event_' || replace(gen_random_uuid()::text, '-', ''),
    json_strip_nulls(json_build_object(
      'alert_id', a.id, 'name', a.name, 'metric', a.metric, 'agent_id', a.agent_id, 'window_seconds', a.window_seconds,
      'firing_id', new.id, 'threshold', a.threshold, 'value', a.value,
      'fired_at', to_char(new.fired_at at time zone 'utc', form),
      'notification', case when new.resolved_at is null then new.notifications end,
      'resolved_at', to_char(new.resolved_at at time zone 'utc', form), 'resolution', new.resolution
    ))
  );
  return null;
end
$$;
create trigger firing_announced after insert on alert_firings
  for each row execute function announce_firing();
create trigger firing_announced_again after update of resolved_at, notifications on alert_firings
  for each row when (old.resolved_at is distinct from new.resolved_at or old.notifications <> new.notifications)
  execute function announce_firing();
