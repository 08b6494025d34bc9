-- The open reservation of a session is a part of its row, which every append updates anyway: a table of them cost a row, two entries of indexes and a deletion per call.
-- `{turn_id, exec_id, at, output_tokens, budgets: [{id, amount, input, lent}]}`. `input`: the part for the prompt. `lent`: from a shard.
alter table sessions add column reservation json;
update sessions s set reservation = r.reservation from (
  select session_id, json_build_object('turn_id', min(turn_id), 'exec_id', min(exec_id), 'at', min(created_at), 'output_tokens', min(output_tokens),
    'budgets', json_agg(json_build_object('id', budget_id, 'amount', amount, 'input', input_amount, 'lent', shard is not null) order by budget_id)) as reservation
  from budget_reservations group by session_id
) r where r.session_id = s.id;

drop function charge_budgets, settle_budgets, cancel_reservations, add_reservation;
drop table budget_reservations;

-- The shard of this connection. A settlement need not use the one of its reservation, because only the sums count: `reserved` of one shard may be negative.
create function own_shard() returns smallint language sql stable as $$ select (pg_backend_pid() & 15)::smallint $$;

-- Locks a budget and counts its shards. Null without the budget.
create or replace function whole_budget(budget_id text) returns budgets language plpgsql as $$
declare
  b budgets;
  before budgets;
begin
  select * into b from budgets where id = whole_budget.budget_id for no key update;
  if b.id is null then return null; end if;
  before := b;
  b := take_back_shards(b);
  if b.used <> before.used or b.lent <> before.lent then
    update budgets u set used = b.used, lent = b.lent where u.id = b.id;
  end if;
  if b.period_ends_at <= clock_timestamp() then
    b := begin_budget_period(b);
  elsif b.period is not null and not is_budget_period(b) then
    -- The clock was ahead when the period began. What it has used stays.
    update budgets u set (period_started_at, period_ends_at) = (select started_at, ends_at from budget_period(b.period, clock_timestamp()))
    where u.id = b.id returning * into b;
  end if;
  return b;
end
$$;

-- True if the period of a budget contains this moment. Clocks of a database and its standby may differ a little.
create function is_budget_period(b budgets) returns boolean language sql volatile as $$
  select (b).period_ends_at is null or clock_timestamp() < (b).period_ends_at and clock_timestamp() > (b).period_started_at - interval '1 minute'
$$;

-- What a call with so much output needs in a budget.
create function budget_need(b budgets, call json, output bigint) returns numeric language sql immutable as $$
  select budget_need((b).currency, (call->>'input_tokens')::numeric, (call->>'input_cost')::numeric, (call->>'output_price')::numeric, output)
$$;

-- A part of a reservation, in one budget.
create function budget_part(budget_id text, amount numeric, input numeric, lent boolean) returns json language sql immutable as $$
  select json_build_object('id', budget_id, 'amount', amount, 'input', input, 'lent', lent)
$$;

-- True if a budget that has used so much keeps its status, warns of nothing and wakes no turn.
create function is_plain_settlement(b budgets, total numeric) returns boolean language sql volatile as $$
  select (b).status = 'active' and not (b).awaited and is_budget_period(b) and total < (b).limit_amount + (b).credits
    and ((b).warned_at is not null or ((b).limit_amount + (b).credits - total) * 5 > (b).limit_amount + (b).credits)
    and ((b).soft_limit is null or (b).soft_warned_at is not null or total < (b).soft_limit)
$$;

-- Ends the reservation of a session. `spent` has the tokens and dollars of the call; without it the call counts as its prompt. Returns the data of the warnings that follow. With `locked`, the caller has locked the budgets.
create function settle_budgets(session text, reservation json, spent json, locked boolean default false) returns json[] language plpgsql as $$
declare
  parts json := reservation->'budgets';
  tokens numeric := (spent->>'tokens')::numeric;
  dollars numeric := (spent->>'dollars')::numeric;
  part json;
  held numeric;
  b budgets;
  used_amount numeric;
  is_plain boolean;
  is_awaited boolean;
  warnings json[] := '{}';
begin
  -- In the order of their ids.
  for at in 0 .. json_array_length(parts) - 1 loop
    part := parts->at;
    select * into b from budgets where id = part->>'id';
    continue when not found;
    held := (part->>'amount')::numeric;
    used_amount := coalesce(case when spent is null then (part->>'input')::numeric else budget_amount(b.currency, tokens, dollars) end, 0);
    -- What is lent counts as used at first: the exact sum takes longer.
    is_plain := not locked and (is_plain_settlement(b, b.used + b.reserved + b.lent + used_amount) or is_plain_settlement(b, budget_used(b) + used_amount));
    if not is_plain then
      -- May begin a period, with an entry of the ledger.
      warnings := warnings || settle_whole(b.id, part, used_amount);
    elsif (part->>'lent')::boolean then
      update budget_shards s set used = s.used + used_amount, reserved = s.reserved - held where s.budget_id = b.id and s.shard = own_shard();
    else
      update budgets u set used = u.used + used_amount, reserved = u.reserved - held where u.id = b.id;
    end if;
    insert into budget_ledger (budget_id, org_id, kind, amount, reserved, reserved_at, meter_source, ref_type, ref_id, session_id, turn_id)
    values (b.id, b.org_id, 'settle', used_amount, held, (reservation->>'at')::timestamptz, 'llm_tokens', 'llm_generation',
      reservation->>'exec_id', session, reservation->>'turn_id')
    returning (select l.awaited from budgets l where l.id = b.id) into is_awaited;
    -- A turn that was parked meanwhile. The budget must not be locked after its shard.
    if is_plain and is_awaited then
      perform graphile_worker.add_job('budget', json_build_object('budget_id', b.id), job_key => 'budget:' || b.id);
    end if;
  end loop;
  return warnings;
end
$$;

-- The settlement of a call in a whole budget, which it locks. Returns the data of the warnings that follow.
create function settle_whole(budget_id text, part json, used_amount numeric) returns json[] language plpgsql as $$
declare
  held numeric := (part->>'amount')::numeric;
  b budgets := whole_budget(settle_whole.budget_id);
  warnings json[] := '{}';
begin
  if b.id is null then return warnings; end if;
  if (part->>'lent')::boolean then
    update budget_shards s set allotted = s.allotted - held, reserved = s.reserved - held where s.budget_id = b.id and s.shard = own_shard();
    update budgets u set used = u.used + used_amount, lent = u.lent - held where u.id = b.id returning * into b;
  else
    update budgets u set used = u.used + used_amount, reserved = u.reserved - held where u.id = b.id returning * into b;
  end if;
  if b.limit_amount + b.credits <= b.used and b.status = 'active' then
    update budgets u set status = 'exhausted' where u.id = b.id;
  end if;
  if b.soft_warned_at is null and b.used >= b.soft_limit then
    update budgets u set soft_warned_at = clock_timestamp() where u.id = b.id;
    warnings := warnings || budget_event(b, 'The soft limit is reached.');
  end if;
  if b.warned_at is null and (b.limit_amount + b.credits - b.used) * 5 <= b.limit_amount + b.credits then
    update budgets u set warned_at = clock_timestamp() where u.id = b.id;
    warnings := warnings || budget_event(b, '20 % or less of the budget is left.');
  end if;
  if b.awaited then perform wake_budget(b.id); end if;
  return warnings;
end
$$;

-- Lowers the parts of a reservation to so much output, or to nothing: another budget allows no more. Their rows are locked already.
create function lower_reservation(parts json[], output bigint, call json) returns json[] language plpgsql as $$
declare
  part json;
  b budgets;
  lowered json[] := '{}';
  freed numeric;
begin
  foreach part in array parts loop
    select * into b from budgets where id = part->>'id';
    freed := (part->>'amount')::numeric - case when output > 0 then budget_need(b, call, output) else 0 end;
    if (part->>'lent')::boolean then
      update budget_shards s set reserved = s.reserved - freed where s.budget_id = b.id and s.shard = own_shard();
    else
      update budgets u set reserved = u.reserved - freed where u.id = b.id;
    end if;
    lowered := lowered || budget_part(b.id, budget_need(b, call, output), budget_need(b, call, 0), (part->>'lent')::boolean);
  end loop;
  return lowered;
end
$$;

-- Reserves for a call in a whole budget, which it locks, at most `granted` tokens of output. Returns the refusal of the budget, or the output that it grants. Neither: the budget is gone.
create function reserve_whole(budget_id text, call json, inout granted bigint, out refusal json) language plpgsql as $$
declare
  b budgets := whole_budget(reserve_whole.budget_id);
  input numeric := (call->>'input_tokens')::numeric;
  dollars numeric := (call->>'input_cost')::numeric;
  price numeric := (call->>'output_price')::numeric;
  wanted bigint := (call->>'output_tokens')::bigint;
  least_output bigint := least(wanted, (call->>'output_min')::bigint);
  fair_output bigint := least(wanted, (call->>'output_fair')::bigint);
  reason text;
  room numeric;
  fits numeric;
begin
  if b.id is null or b.status = 'disabled' then
    granted := null;
    return;
  end if;
  room := budget_left(b);
  -- The tokens of output that it has for the call; a number beyond all models if it does not count them.
  fits := case
    when room <= 0 then -1
    when b.currency = 'tokens' then floor(room - input)
    when b.currency = 'credits' then floor(room * 1000 - input)
    when b.currency <> 'usd' or dollars is null then 1e12
    when room < dollars then -1
    when price = 0 then 1e12
    else floor((room - dollars) / price)
  end;
  reason := case
    when b.status = 'paused' then 'paused'
    when b.currency = 'usd' and dollars is null and not (call->>'counts_only_tokens')::boolean then 'unpriced'
    when fits < least_output or (fits < fair_output and b.reserved + b.lent > 0) then 'exhausted'
  end;
  if reason is not null then
    refusal := budget_refusal(b, reason, call, fair_output, least_output, '{}')->'refused';
    return;
  end if;
  granted := least(granted, fits);
  update budgets u set reserved = u.reserved + budget_need(b, call, granted) where u.id = b.id returning * into b;
  -- A smaller call than the one that was refused.
  if b.status = 'exhausted' then update budgets u set status = 'active' where u.id = b.id; end if;
  perform lend_budget(b, budget_need(b, call, granted));
end
$$;

-- Settles the reservation of a session and makes the next one, in all budgets of `subjects` or in none. The caller has locked the row of the session and stores `reservation` in it, except after a refusal. Budgets are locked in the order of their ids, each before its shards.
create function charge_budgets(
  org text, session text, turn text, subjects text[], open json, spent json, call json,
  out granted bigint, out reservation json, out refused json, out warnings json[]
) language plpgsql as $$
declare
  b budgets;
  whole record;
  parts json[] := '{}';
  input numeric := (call->>'input_tokens')::numeric;
  dollars numeric := (call->>'input_cost')::numeric;
  price numeric := (call->>'output_price')::numeric;
  output bigint := (call->>'output_tokens')::bigint;
  need numeric;
begin
  if open is not null then
    if call is not null then
      perform whole_budget(l.id) from (
        select l.id from budgets l
        where l.id in (select value->>'id' from json_array_elements(open->'budgets'))
          or l.org_id = org and l.subject_type || ' ' || l.subject_id = any(subjects)
        order by l.id
      ) l;
    end if;
    warnings := settle_budgets(session, open, spent, call is not null);
  end if;
  if call is null then return; end if;
  for b in
    select * from budgets l
    where l.org_id = org and l.subject_type || ' ' || l.subject_id = any(subjects) and l.status <> 'disabled'
    order by l.id
  loop
    if b.status = 'active' and b.lent <> 0 and (b.currency <> 'usd' or dollars is not null) and is_budget_period(b) then
      need := budget_need(b.currency, input, dollars, price, output);
      update budget_shards s set reserved = s.reserved + need
      where s.budget_id = b.id and s.shard = own_shard() and s.allotted - s.used - s.reserved >= need;
      if found then
        parts := parts || budget_part(b.id, need, budget_need(b.currency, input, dollars, price, 0), true);
        continue;
      end if;
    end if;
    whole := reserve_whole(b.id, call, output);
    if whole.refusal is not null then
      perform lower_reservation(parts, 0, call);
      if open is not null then update sessions s set reservation = null where s.org_id = org and s.id = session; end if;
      refused := whole.refusal;
      return;
    end if;
    continue when whole.granted is null;
    if whole.granted < output then
      output := whole.granted;
      parts := lower_reservation(parts, output, call);
    end if;
    parts := parts || budget_part(b.id, budget_need(b, call, output), budget_need(b, call, 0), false);
  end loop;
  if cardinality(parts) = 0 then return; end if;
  granted := output;
  reservation := json_build_object(
    'turn_id', turn, 'exec_id', call->'exec_id', 'at', clock_timestamp(), 'output_tokens', output, 'budgets', array_to_json(parts));
end
$$;

-- Gives turns that wait for a budget their jobs, the oldest first, as far as what is left allows: `needed`, or `least` if no call is running. While some are left, a job looks again: at once after as many as one transaction wakes, else at the end of the period, and each minute, so that no lost hint and no jump of a clock leaves them parked.
create or replace function wake_budget(budget_id text) returns integer language plpgsql as $$
declare
  awake_max constant integer := 200;
  b budgets;
  w record;
  room numeric;
  woken integer := 0;
  waits boolean := false;
begin
  b := whole_budget(wake_budget.budget_id);
  room := case when b.id is null or b.status = 'disabled' then 1e30 when b.status = 'paused' then 0 else budget_left(b) end;
  -- Of turns that were woken and have not reserved yet. A turn that is being parked has its row still: it wakes the budget itself.
  room := room - coalesce((
    select sum((s.waiting_for->>'needed')::numeric) from sessions s join turns t on t.id = s.turn_id
    where s.waiting_for is not null and s.waiting_for->>'budget_id' = wake_budget.budget_id
  ), 0);
  for w in
    select s.org_id, s.id, s.turn_id, (s.waiting_for->>'needed')::numeric as needed, (s.waiting_for->>'least')::numeric as least
    from sessions s where s.waiting_for is not null and s.waiting_for->>'budget_id' = wake_budget.budget_id and s.turn_id is not null
      and not exists (select from turns t where t.id = s.turn_id)
    order by s.waiting_for->>'since' limit awake_max + 1
  loop
    -- With nothing reserved, no call will release more: the oldest takes what is left.
    if woken < awake_max and room > 0 and (room >= w.needed or (b.reserved + b.lent = 0 and woken = 0 and room >= w.least)) then
      room := room - w.needed;
      woken := woken + 1;
      insert into turns (id, org_id, session_id) values (w.turn_id, w.org_id, w.id) on conflict do nothing;
      perform start_turn(w.org_id, w.id, w.turn_id);
    else
      waits := true;
    end if;
  end loop;
  update budgets set awaited = waits where id = b.id and awaited <> waits;
  if waits then
    perform graphile_worker.add_job('budget', json_build_object('budget_id', wake_budget.budget_id), job_key => 'budget:' || wake_budget.budget_id,
      run_at => case when woken < awake_max then least(b.period_ends_at, clock_timestamp() + interval '1 minute') end);
  end if;
  return woken;
end
$$;
