-- Addresses of an organization that receive a request for its events. A deleted one stays until its deliveries are deleted.
create table webhooks (
  org_id text not null,
  id text primary key,
  url text not null,
  description text,
  event_types text[] not null,
  -- Filters; null: events of all.
  agent_id text,
  channel_id text,
  -- Made at /v1/task-webhooks, whose receivers expect another signature.
  for_tasks boolean not null default false,
  -- Sealed. The previous secret signs too until its overlap ends.
  secret text,
  previous_secret text,
  previous_valid_until timestamptz(3),
  enabled boolean not null default true,
  -- Why the server disabled it.
  disabled_reason text,
  -- Since when, and how often in a row, every attempt has failed; and until when no other one is made.
  failing_since timestamptz(3),
  failures integer not null default 0,
  resume_at timestamptz(3),
  deleted_at timestamptz(3),
  created_at timestamptz(3) not null default clock_timestamp(),
  updated_at timestamptz(3) not null default clock_timestamp()
) with (fillfactor = 80);
create index webhooks_newest on webhooks (org_id, created_at desc, id desc);

-- The outbox: one row for each event and webhook. Nodes look for rows that are due and add a job for each webhook.
create table webhook_deliveries (
  org_id text not null,
  webhook_id text not null,
  event_id text not null,
  event_type text not null,
  body json not null,
  status text not null default 'pending',
  attempts integer not null default 0,
  -- When the next attempt is due; null while there is none. A claim moves it, so that a dead node delays the row only.
  due_at timestamptz,
  -- Only the latest claim may store an outcome.
  claim integer not null default 0,
  -- The latest attempt.
  attempted_at timestamptz(3),
  response_status smallint,
  duration_ms integer,
  error text,
  created_at timestamptz(3) not null default clock_timestamp(),
  primary key (webhook_id, event_id)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000);
create index webhook_deliveries_due on webhook_deliveries (webhook_id, due_at) where due_at is not null;
create index webhook_deliveries_newest on webhook_deliveries (webhook_id, created_at desc, event_id desc);

-- Writes an event into the outbox of each webhook that asks for it. Called in the transaction of the event.
create function enqueue_webhook_event(organization_id text, event_type text, event_id text, body json) returns void language plpgsql as $$
begin
  insert into webhook_deliveries (org_id, webhook_id, event_id, event_type, body, due_at)
  select w.org_id, w.id, $3, $2, $4, clock_timestamp()
  from webhooks w
  where w.org_id = $1 and w.enabled and $2 = any(w.event_types)
    and (w.agent_id is null or w.agent_id = $4->>'agent_id')
    and (w.channel_id is null or w.channel_id = $4->>'channel_id')
  on conflict do nothing;
end
$$;

-- The id that `eventId` of ids.ts makes of an event.
create function event_id_of(session_id text, ts timestamptz, sequence integer) returns text language sql immutable as $$
  select 'event_' || lpad(to_hex(floor(extract(epoch from ts) * 1000)::bigint), 12, '0')
    || '7' || lpad(to_hex(mark >> 9), 3, '0')
    || to_hex((1::bigint << 63) | ((mark & 511)::bigint << 53) | (sequence::bigint << 22))
  from (
    select ('x' || substr(encode(sha256(convert_to(session_id, 'UTF8')), 'hex'), 1, 6))::bit(24)::integer & 2097151 as mark
  ) m
$$;

-- What receivers learn of an event beside its ids. Escapes that text cannot hold are replaced before the data is read.
create function webhook_details(type text, data json) returns json language plpgsql immutable as $$
declare
  d json;
begin
  if type in ('turn.completed', 'turn.cancelled') then return null; end if;
  d := regexp_replace(data::text, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\\ufffd', 'g')::json;
  return json_build_object(
    'type', case
      when type = 'tool.approval_requested' then 'approval.requested'
      when type = 'tool.call_requested' and d->'input' is not null then 'question.asked'
      when type = 'tool.call_requested' then 'tool_results.requested'
    end,
    'error_code', d->'error_code',
    'budget_id', d->'budget_id',
    'expires_at', d->'expires_at',
    'tool_call_ids', case
      when type = 'tool.approval_requested' then json_build_array(d->'tool_call'->'id')
      when type = 'tool.call_requested' then (select json_agg(c->'id') from json_array_elements(d->'tool_calls') c)
    end
  );
end
$$;

-- A trigger, so that no append can omit it: all appends move the sequence of their session.
create function follow_webhook_events() returns trigger language plpgsql as $$
begin
  if not exists (select from webhooks w where w.org_id = new.org_id and w.enabled) then return null; end if;
  if tg_op = 'INSERT' then
    perform enqueue_webhook_event(
      new.org_id, 'session.created', event_id_of(new.id, new.created_at, 0),
      json_strip_nulls(json_build_object('session_id', new.id, 'agent_id', new.agent_id, 'channel_id', new.channel_id, 'status', new.status))
    );
    return null;
  end if;
  perform enqueue_webhook_event(
    new.org_id, coalesce(d.details->>'type', e.type), event_id_of(new.id, e.ts, e.sequence),
    json_strip_nulls(json_build_object(
      'session_id', new.id, 'agent_id', new.agent_id, 'channel_id', new.channel_id,
      'turn_id', e.context->'turn_id', 'sequence', e.sequence, 'status', new.status,
      'error_code', d.details->'error_code', 'budget_id', d.details->'budget_id',
      'expires_at', d.details->'expires_at', 'tool_call_ids', d.details->'tool_call_ids'
    ))
  )
  from events e, lateral (select webhook_details(e.type, e.data) as details) d
  where e.session_id = new.id and e.sequence > old.sequence and e.sequence <= new.sequence and e.type in (
    'turn.completed', 'turn.failed', 'turn.cancelled', 'tool.approval_requested', 'tool.call_requested',
    'budget.exhausted', 'budget.warning'
  );
  return null;
end
$$;
create trigger webhooks_of_new_session after insert on sessions
  for each row execute function follow_webhook_events();
create trigger webhooks_of_session after update of sequence on sessions
  for each row when (new.sequence > old.sequence) execute function follow_webhook_events();

-- The first webhook enables the triggers: without webhooks an append costs nothing more.
alter table sessions disable trigger webhooks_of_new_session, disable trigger webhooks_of_session;
create function enable_webhooks() returns void language plpgsql as $$
begin
  if exists (
    select from pg_trigger where tgrelid = 'sessions'::regclass and tgname in ('webhooks_of_new_session', 'webhooks_of_session') and tgenabled = 'D'
  ) then
    -- Statements that wait for the table block later ones, so the wait is short and the caller retries.
    perform set_config('lock_timeout', '200ms', true);
    alter table sessions enable trigger webhooks_of_new_session, enable trigger webhooks_of_session;
  end if;
end
$$;
