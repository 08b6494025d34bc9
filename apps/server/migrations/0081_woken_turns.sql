-- As before, but a session is locked before its turn gets a row: a turn that was cancelled or deleted meanwhile got one that no session had. A session that another transaction has locked is left to the next look, a second later. And a budget that fails calls wakes turns that no call leaves enough for, which then fail: they waited for the next period. And a budget that moves to another session wakes the turn that it no longer limits.

-- Gives turns that wait for a budget their jobs, the oldest first, as far as what is left allows: `needed`, or `least` if no call is running. A budget that fails calls wakes those that it then cannot serve too, and that of a session wakes those of other sessions. While some are left, a job looks again: at once after as many as one transaction wakes, else at the end of the period, and each minute, so that no lost hint and no jump of a clock leaves them parked.
create or replace function wake_budget(budget_id text) returns integer language plpgsql as $$
declare
  awake_max constant integer := 200;
  b budgets;
  w record;
  room numeric;
  room_before numeric;
  fails_above numeric;
  woken integer := 0;
  skipped integer := 0;
  waits boolean;
begin
  b := whole_budget(wake_budget.budget_id);
  room := case when b.id is null or b.status = 'disabled' then 1e30 when b.status = 'paused' then 0 else budget_left(b) end;
  -- With nothing reserved, turns that need more than what is left fail.
  if b.on_exhausted = 'fail' and b.status <> 'paused' and b.reserved + b.lent = 0 then
    fails_above := case when budget_left(b) > 0 then budget_left(b) else -1 end;
  end if;
  -- Of turns that were woken and have not reserved yet. A turn that is being parked has its row still: it wakes the budget itself.
  room := room - coalesce((
    select sum((s.waiting_for->>'needed')::numeric) from sessions s join turns t on t.id = s.turn_id
    where s.waiting_for is not null and s.waiting_for->>'budget_id' = wake_budget.budget_id
      and ((s.waiting_for->>'least')::numeric > fails_above or (b.subject_type = 'session' and b.subject_id <> s.id)) is not true
  ), 0);
  room_before := room;
  for w in
    select * from (
      select s.org_id, s.id, s.turn_id, s.waiting_for->>'since' as since, n.needed, n.least,
        (n.least > fails_above) is true or (b.subject_type = 'session' and b.subject_id <> s.id) is true as at_once
      from sessions s, lateral (select (s.waiting_for->>'needed')::numeric as needed, (s.waiting_for->>'least')::numeric as least) n
      where s.waiting_for is not null and s.waiting_for->>'budget_id' = wake_budget.budget_id and s.turn_id is not null
        and not exists (select from turns t where t.id = s.turn_id)
    ) s
    where s.at_once or case when b.reserved + b.lent = 0 then s.least else s.needed end <= room
    order by s.at_once desc, s.since
  loop
    exit when woken = awake_max or (room <= 0 and not w.at_once);
    -- With nothing reserved, no call will release more: the oldest takes what is left.
    if w.at_once or room >= w.needed or (b.reserved + b.lent = 0 and room = room_before and room >= w.least) then
      insert into turns (id, org_id, session_id)
      select s.turn_id, s.org_id, s.id from sessions s
      where s.org_id = w.org_id and s.id = w.id and s.turn_id = w.turn_id and s.waiting_for->>'budget_id' = wake_budget.budget_id
      for no key update skip locked
      on conflict do nothing;
      if not found then
        skipped := skipped + 1;
        continue;
      end if;
      room := room - case when w.at_once then 0 else w.needed end;
      woken := woken + 1;
      perform start_turn(w.org_id, w.id, w.turn_id);
    end if;
  end loop;
  waits := exists (
    select from sessions s where s.waiting_for is not null and s.waiting_for->>'budget_id' = wake_budget.budget_id and s.turn_id is not null
      and not exists (select from turns t where t.id = s.turn_id)
  );
  update budgets set awaited = waits where id = b.id and awaited <> waits;
  if waits then
    perform graphile_worker.add_job('budget', json_build_object('budget_id', wake_budget.budget_id), job_key => 'budget:' || wake_budget.budget_id,
      run_at => case when woken < awake_max then
        least(b.period_ends_at, clock_timestamp() + case when skipped > 0 then interval '1 second' else interval '1 minute' end)
      end);
  end if;
  return woken;
end
$$;

-- Also when a budget that let calls wait fails them from now on, or moves to another session.
drop trigger budget_wakes on budgets;
create trigger budget_wakes after update of limit_amount, credits, status, on_exhausted, subject_id or delete on budgets
  for each row execute function wake_after_budget();
