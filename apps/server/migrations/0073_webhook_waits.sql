-- Webhooks receive that a turn waits for a paused budget, that an approval expired and that a schedule failed, and the end user of a session: the functions of 0067 with these.
create or replace function webhook_details(type text, data json) returns json language plpgsql immutable as $$
declare
  d json;
begin
  if type in ('turn.completed', 'turn.cancelled') then return null; end if;
  d := regexp_replace(data::text, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\\ufffd', 'g')::json;
  return json_build_object(
    'type', case
      when type = 'tool.approval_requested' then 'approval.requested'
      when type = 'tool.approval_resolved' and d->>'decision' = 'expired' then 'approval.expired'
      when type = 'tool.call_requested' and d->'input' is not null then 'question.asked'
      when type = 'tool.call_requested' then 'tool_results.requested'
    end,
    'error_code', d->'error_code',
    'budget_id', d->'budget_id',
    'expires_at', d->'expires_at',
    'turn_id', d->'turn_id',
    'message_id', d->'message_id',
    'rating', d->'rating',
    'tool_call_ids', case
      when type = 'tool.approval_requested' then json_build_array(d->'tool_call'->'id')
      when type = 'tool.approval_resolved' then json_build_array(d->'tool_call_id')
      when type = 'tool.call_requested' then (select json_agg(c->'id') from json_array_elements(d->'tool_calls') c)
    end
  );
end
$$;

create or replace function follow_webhook_events() returns trigger language plpgsql as $$
begin
  if not exists (select from webhooks w where w.org_id = new.org_id and w.enabled) then return null; end if;
  if tg_op = 'INSERT' then
    perform enqueue_webhook_event(
      new.org_id, 'session.created', event_id_of(new.id, new.created_at, 0),
      json_strip_nulls(json_build_object(
        'session_id', new.id, 'agent_id', new.agent_id, 'channel_id', new.channel_id, 'user', new.user_id, 'status', new.status
      ))
    );
    return null;
  end if;
  perform enqueue_webhook_event(
    new.org_id, coalesce(d.details->>'type', e.type), event_id_of(new.id, e.ts, e.sequence),
    json_strip_nulls(json_build_object(
      'session_id', new.id, 'agent_id', new.agent_id, 'channel_id', new.channel_id, 'user', new.user_id,
      'turn_id', coalesce(e.context->'turn_id', d.details->'turn_id'), 'sequence', e.sequence, 'status', new.status,
      'error_code', d.details->'error_code', 'budget_id', d.details->'budget_id',
      'expires_at', d.details->'expires_at', 'tool_call_ids', d.details->'tool_call_ids',
      'message_id', d.details->'message_id', 'rating', d.details->'rating'
    ))
  )
  from events e, lateral (select webhook_details(e.type, e.data) as details) d
  where e.session_id = new.id and e.sequence > old.sequence and e.sequence <= new.sequence and e.type in (
    'turn.completed', 'turn.failed', 'turn.cancelled', 'tool.approval_requested', 'tool.approval_resolved', 'tool.call_requested',
    'budget.exhausted', 'budget.paused', 'budget.warning', 'feedback.given'
  );
  return null;
end
$$;

create function announce_failed_execution() returns trigger language plpgsql as $$
begin
  perform enqueue_webhook_event(
    new.org_id, 'schedule.failed', 'event_' || replace(new.id::text, '-', ''),
    json_strip_nulls(json_build_object(
      'schedule_id', new.schedule_id, 'execution_id', new.id, 'session_id', new.session_id, 'turn_id', new.turn_id,
      'agent_id', coalesce(
        (select s.agent_id from sessions s where s.org_id = new.org_id and s.id = new.session_id),
        (select c.target->'input'->>'agent_id' from schedules c where c.id = new.schedule_id)
      )
    ))
  );
  return null;
end
$$;
create trigger execution_failed_at_once after insert on schedule_executions
  for each row when (new.status = 'failed') execute function announce_failed_execution();
create trigger execution_failed after update of status on schedule_executions
  for each row when (new.status = 'failed' and old.status <> 'failed') execute function announce_failed_execution();
