-- An event id has 21 bits of its session. Two sessions with the same bits may store events at the same sequence in the same millisecond: their ids are equal, and the webhook of the second event was lost. It gets the id at the next offset, which names the same position of its session.
create or replace function enqueue_webhook_event(organization_id text, event_type text, event_id text, body json) returns void language plpgsql as $$
declare
  left_out text[];
begin
  with w as (
    select w.id from webhooks w
    where w.org_id = $1 and w.enabled and $2 = any(w.event_types)
      and (w.agent_id is null or w.agent_id = $4->>'agent_id')
      and (w.channel_id is null or w.channel_id = $4->>'channel_id')
  ), i as (
    insert into webhook_deliveries (org_id, webhook_id, event_id, event_type, body, due_at)
    select $1, w.id, $3, $2, $4, clock_timestamp() from w
    on conflict do nothing returning webhook_id
  )
  select array_agg(w.id) into left_out from w where not exists (select from i where i.webhook_id = w.id);
  for digit in 1..9 loop
    exit when left_out is null;
    with w as (
      select l.id from unnest(left_out) as l(id)
      where not exists (
        -- The same event again, after commits were lost.
        select from webhook_deliveries d
        where d.webhook_id = l.id and d.event_id = left($3, -1) || case digit when 1 then right($3, 1) else (digit - 1)::text end
          and d.body->>'session_id' is not distinct from $4->>'session_id'
      )
    ), i as (
      insert into webhook_deliveries (org_id, webhook_id, event_id, event_type, body, due_at)
      select $1, w.id, left($3, -1) || digit, $2, $4, clock_timestamp() from w
      on conflict do nothing returning webhook_id
    )
    select array_agg(w.id) into left_out from w where not exists (select from i where i.webhook_id = w.id);
  end loop;
end
$$;
