-- The end user of a session is read when an event is sent: stored events do not name one. A failed execution whose agent has such escapes is announced, too.
create or replace function follow_webhook_events() returns trigger language plpgsql as $$
begin
  if not exists (select from webhooks w where w.org_id = new.org_id and w.enabled) then return null; end if;
  if tg_op = 'INSERT' then
    perform enqueue_webhook_event(
      new.org_id, 'session.created', event_id_of(new.id, new.created_at, 0),
      json_strip_nulls(json_build_object(
        'session_id', new.id, 'agent_id', new.agent_id, 'channel_id', new.channel_id, 'status', new.status
      ))
    );
    return null;
  end if;
  perform enqueue_webhook_event(
    new.org_id, coalesce(d.details->>'type', e.type), event_id_of(new.id, e.ts, e.sequence),
    json_strip_nulls(json_build_object(
      'session_id', new.id, 'agent_id', new.agent_id, 'channel_id', new.channel_id,
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

create or replace function announce_failed_execution() returns trigger language plpgsql as $$
begin
  if not exists (select from webhooks w where w.org_id = new.org_id and w.enabled) then return null; end if;
  perform enqueue_webhook_event(
    new.org_id, 'schedule.failed', 'event_' || replace(new.id::text, '-', ''),
    json_strip_nulls(json_build_object(
      'schedule_id', new.schedule_id, 'execution_id', new.id, 'session_id', new.session_id, 'turn_id', new.turn_id,
      'agent_id', coalesce(
        (select s.agent_id from sessions s where s.org_id = new.org_id and s.id = new.session_id),
        -- Without the escapes that PostgreSQL refuses as text.
        (select regexp_replace(c.target::text, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\\ufffd', 'g')::json->'input'->>'agent_id'
        from schedules c where c.id = new.schedule_id)
      )
    ))
  );
  return null;
end
$$;
