-- What a call has reserved in one budget. `input`: the part for the prompt. `lent`: from a shard.
create type budget_part as (budget_id text, currency text, amount numeric, input numeric, lent boolean);
-- In all budgets that apply, in the order of their ids. No field is null.
create type budget_reservation as (turn_id text, exec_id text, reserved_at timestamptz(3), output_tokens bigint, parts budget_part[]);

-- The open reservation of a session is a part of its row, which every append updates anyway: a table of them cost a row, two entries of indexes and a deletion per call.
alter table sessions add column reservation budget_reservation;
update sessions s set reservation = r.reservation from (
  select r.session_id, row(min(r.turn_id), min(r.exec_id), min(r.created_at), min(r.output_tokens),
    array_agg(row(r.budget_id, b.currency, r.amount, r.input_amount, r.shard is not null)::budget_part order by r.budget_id))::budget_reservation as reservation
  from budget_reservations r join budgets b on b.id = r.budget_id group by r.session_id
) r where r.session_id = s.id;

-- Old entries are found by their budget: an index less per settlement.
drop index budget_ledger_by_time;

drop function charge_budgets, settle_budgets, lend_budget, cancel_reservations, add_reservation;
drop table budget_reservations;

-- The end of the period in which a shard has what it is allotted.
alter table budget_shards add column lent_until timestamptz not null default '-infinity';

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

-- The use at which a budget warns or changes its status.
create function quiet_below(b budgets) returns numeric language sql immutable as $$
  select least((b).limit_amount + (b).credits, case when (b).warned_at is null then ((b).limit_amount + (b).credits) * 0.8 end,
    case when (b).soft_warned_at is null then (b).soft_limit end)
$$;

-- Lends half of what a locked budget has left to its shards, if that is many calls of this size each. A shard with room can be used without a look at its budget: no turn waits for it, its period lasts until `lent_until`, and no use of what is lent reaches a warning.
create function lend_budget(b budgets, call_amount numeric) returns void language plpgsql as $$
declare
  share numeric := trunc((quiet_below(b) - b.used - b.reserved - b.lent) / 32, 9);
begin
  if b.awaited or share < call_amount * 2 or share = 0 then return; end if;
  insert into budget_shards as s (budget_id, shard, allotted, lent_until) select b.id, n, share, coalesce(b.period_ends_at, 'infinity') from generate_series(0, 15) n
  on conflict (budget_id, shard) do update set allotted = s.reserved + share, lent_until = excluded.lent_until;
  update budgets u set lent = u.lent + share * 16 where u.id = b.id;
end
$$;

-- Ends the reservation of a session. `spent` has the tokens and dollars of the call; without it the call counts as its prompt. Returns the data of the warnings that follow. `place`: in `shards` only, with the error OB001 where a budget itself is needed; in the `whole` budgets, which the caller has locked; or in either.
create function settle_budgets(org text, session text, open budget_reservation, spent json, place text default 'either') returns json[] language plpgsql as $$
declare
  tokens numeric := (spent->>'tokens')::numeric;
  dollars numeric := (spent->>'dollars')::numeric;
  part budget_part;
  used_amount numeric;
  warnings json[] := '{}';
  more json[];
begin
  foreach part in array open.parts loop
    used_amount := coalesce(case when spent is null then part.input else budget_amount(part.currency, tokens, dollars) end, 0);
    if part.lent then
      update budget_shards s set used = s.used + used_amount, reserved = s.reserved - part.amount
      where s.budget_id = part.budget_id and s.shard = own_shard() and s.allotted > s.used + s.reserved and s.lent_until > clock_timestamp()
        and used_amount <= part.amount and place <> 'whole';
    else
      update budgets b set used = b.used + used_amount, reserved = b.reserved - part.amount
      where b.id = part.budget_id and b.status = 'active' and not b.awaited and is_budget_period(b) and budget_used(b) + used_amount < quiet_below(b)
        and used_amount <= part.amount and place = 'either';
    end if;
    if not found then
      if place = 'shards' then raise sqlstate 'OB001'; end if;
      -- May begin a period, with an entry of the ledger.
      more := settle_whole(part, used_amount);
      continue when more is null;
      warnings := warnings || more;
    end if;
    insert into budget_ledger (budget_id, org_id, kind, amount, reserved, reserved_at, meter_source, ref_type, ref_id, session_id, turn_id)
    values (part.budget_id, org, 'settle', used_amount, part.amount, open.reserved_at, 'llm_tokens', 'llm_generation', open.exec_id, session, open.turn_id);
  end loop;
  return warnings;
end
$$;

-- The settlement of a call in a whole budget, which it locks. Returns the data of the warnings that follow; null without the budget.
create function settle_whole(part budget_part, used_amount numeric) returns json[] language plpgsql as $$
declare
  b budgets := whole_budget(part.budget_id);
  warnings json[] := '{}';
begin
  if b.id is null then return null; end if;
  if part.lent then
    update budget_shards s set allotted = s.allotted - part.amount, reserved = s.reserved - part.amount where s.budget_id = b.id and s.shard = own_shard();
    update budgets u set used = u.used + used_amount, lent = u.lent - part.amount where u.id = b.id returning * into b;
  else
    update budgets u set used = u.used + used_amount, reserved = u.reserved - part.amount where u.id = b.id returning * into b;
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
create function lower_reservation(parts budget_part[], output bigint, call json) returns budget_part[] language plpgsql as $$
declare
  part budget_part;
  b budgets;
  lowered budget_part[] := '{}';
  freed numeric;
begin
  foreach part in array parts loop
    select * into b from budgets where id = part.budget_id;
    freed := part.amount - case when output > 0 then budget_need(b, call, output) else 0 end;
    if part.lent then
      update budget_shards s set reserved = s.reserved - freed where s.budget_id = b.id and s.shard = own_shard();
    else
      update budgets u set reserved = u.reserved - freed where u.id = b.id;
    end if;
    lowered := lowered || row(b.id, b.currency, budget_need(b, call, output), budget_need(b, call, 0), part.lent)::budget_part;
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

-- Settles the reservation of a session and makes the next one, in all budgets of `subjects` or in none. The caller has locked the row of the session and stores `reservation` in it, except after a refusal. Budgets are locked in the order of their ids, each before its shards. That both happens in shards is tried first: what fails is undone, with its locks.
create function charge_budgets(
  org text, session text, turn text, subjects text[], open budget_reservation, spent json, call json, place text default 'either',
  out granted bigint, out reservation budget_reservation, out refused json, out warnings json[]
) language plpgsql as $$
declare
  b record;
  charged record;
  whole record;
  parts budget_part[] := '{}';
  input numeric := (call->>'input_tokens')::numeric;
  dollars numeric := (call->>'input_cost')::numeric;
  price numeric := (call->>'output_price')::numeric;
  output bigint := (call->>'output_tokens')::bigint;
  need numeric;
  number integer := 0;
begin
  if open is not null and place = 'either' then
    begin
      charged := charge_budgets(org, session, turn, subjects, open, spent, call, 'shards');
      granted := charged.granted;
      reservation := charged.reservation;
      warnings := charged.warnings;
      return;
    exception when sqlstate 'OB001' then
      place := 'whole';
      perform whole_budget(l.id) from (
        select l.id from budgets l
        where l.id in (select budget_id from unnest(open.parts)) or l.org_id = org and l.subject_type || ' ' || l.subject_id = any(subjects)
        order by l.id
      ) l;
    end;
  end if;
  if open is not null then warnings := settle_budgets(org, session, open, spent, place); end if;
  for b in
    select l.id, l.currency, l.lent <> 0 and (l.currency <> 'usd' or dollars is not null) and is_budget_period(l) as lends from budgets l
    where l.org_id = org and l.subject_type || ' ' || l.subject_id = any(subjects) and l.status <> 'disabled'
    order by l.id
  loop
    number := number + 1;
    -- Another budget than those that are settled might be one that is locked before them.
    if place = 'shards' and b.id is distinct from open.parts[number].budget_id then raise sqlstate 'OB001'; end if;
    if b.lends then
      need := budget_need(b.currency, input, dollars, price, output);
      update budget_shards s set reserved = s.reserved + need
      where s.budget_id = b.id and s.shard = own_shard() and s.allotted - s.used - s.reserved >= need;
      if found then
        parts := parts || row(b.id, b.currency, need, budget_need(b.currency, input, dollars, price, 0), true)::budget_part;
        continue;
      end if;
    end if;
    if place = 'shards' then raise sqlstate 'OB001'; end if;
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
    parts := parts || row(b.id, b.currency, budget_need(b.currency, input, dollars, price, output), budget_need(b.currency, input, dollars, price, 0), false)::budget_part;
  end loop;
  if cardinality(parts) = 0 then return; end if;
  granted := output;
  reservation := row(turn, call->>'exec_id', clock_timestamp(), output, parts)::budget_reservation;
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
