-- As before, but a budget with nothing left, which lets calls wait, reads none of the turns that wait for it: each turn that was parked read all those before it, with the budget locked.

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
  -- Else no turn can be woken, however many wait.
  if room > 0 or fails_above is not null or b.subject_type = 'session' then
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
  end if;
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
