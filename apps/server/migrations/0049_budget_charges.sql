-- The output that a reservation allows, for a call whose append lost its response.
alter table budget_reservations add column output_tokens bigint not null default 0;

-- A part of a budget that it has lent out, so that running turns lock different rows. `used` is added to that of the budget when the rest is returned.
create table budget_shards (
  budget_id text not null,
  shard smallint not null,
  allotted numeric not null default 0,
  used numeric not null default 0,
  reserved numeric not null default 0,
  primary key (budget_id, shard)
) with (fillfactor = 40);
-- The sum of what its shards have been allotted, and the shard of a reservation; null: the budget itself.
alter table budgets add column lent numeric not null default 0;
alter table budget_reservations add column shard smallint;

-- What a budget has left beside its shards. Reservations count as used until they are settled.
create function budget_left(b budgets) returns numeric language sql immutable as $$
  select (b).limit_amount + (b).credits - (b).used - (b).reserved - (b).lent
$$;

-- For readers: with what its shards have used and reserved.
create function budget_used(b budgets) returns numeric language sql stable as $$
  select (b).used + coalesce(sum(used), 0) from budget_shards where budget_id = (b).id
$$;
create function budget_reserved(b budgets) returns numeric language sql stable as $$
  select (b).reserved + coalesce(sum(reserved), 0) from budget_shards where budget_id = (b).id
$$;

-- Takes back what the shards of a budget have not reserved. Contract: the caller has locked the budget. No caller locks a budget after one of its shards.
create function take_back_shards(inout b budgets) language plpgsql as $$
declare
  was_used numeric;
  still_reserved numeric;
begin
  select coalesce(sum(l.used), 0), coalesce(sum(l.reserved), 0) into was_used, still_reserved
  from (select * from budget_shards s where s.budget_id = b.id order by s.shard for no key update) l;
  update budget_shards s set used = 0, allotted = s.reserved where s.budget_id = b.id and (s.used <> 0 or s.allotted <> s.reserved);
  b.used := b.used + was_used;
  b.lent := still_reserved;
end
$$;

-- Locks a budget and counts its shards. Null without the budget.
create function whole_budget(budget_id text) returns budgets language plpgsql as $$
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
  if b.period_ends_at <= clock_timestamp() then b := begin_budget_period(b); end if;
  return b;
end
$$;

-- The period that contains a time. A `duration` or `rolling` one begins at that time; without a period it never ends.
create function budget_period(period json, moment timestamptz, out started_at timestamptz, out ends_at timestamptz) language plpgsql stable as $$
declare
  tz text := coalesce(period->>'time_zone', 'UTC');
  unit text := period->>'unit';
  first timestamp;
begin
  started_at := moment;
  if period->>'type' = 'calendar' then
    first := date_trunc(unit, moment at time zone tz);
    started_at := first at time zone tz;
    ends_at := (first + ('1 ' || unit)::interval) at time zone tz;
    -- An hour that a change of the clocks repeats.
    if ends_at <= moment then ends_at := moment + interval '1 hour'; end if;
  elsif period->>'type' = 'duration' then
    ends_at := moment + (period->>'seconds')::float8 * interval '1 second';
  elsif period->>'type' = 'rolling' then
    ends_at := moment + (period->>'window')::interval;
  end if;
end
$$;

-- Whatever changes a budget, its period, its status and its warnings follow.
create function follow_budget() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' or new.period::text is distinct from old.period::text then
    select * into new.period_started_at, new.period_ends_at from budget_period(new.period, clock_timestamp());
  end if;
  if tg_op = 'UPDATE' and new.lent <> 0 then new := take_back_shards(new); end if;
  if new.limit_amount + new.credits <= new.used then
    if new.status = 'active' then new.status := 'exhausted'; end if;
  else
    if new.status = 'exhausted' then new.status := 'active'; end if;
    if (new.limit_amount + new.credits - new.used) * 5 > new.limit_amount + new.credits then new.warned_at := null; end if;
    if new.soft_limit is null or new.used < new.soft_limit then new.soft_warned_at := null; end if;
  end if;
  return new;
end
$$;
create trigger budget_follows before insert or update of limit_amount, soft_limit, credits, period, status on budgets
  for each row execute function follow_budget();

-- Begins the next period of a locked budget. Open reservations count in it; debts lapse like the rest of the money.
create function begin_budget_period(inout b budgets) language plpgsql as $$
begin
  insert into budget_ledger (budget_id, org_id, kind, amount, meter_source, ref_type, description)
  values (b.id, b.org_id, 'period', -b.used, 'manual', 'manual', 'A new period began.');
  update budgets set (period_started_at, period_ends_at) = (select started_at, ends_at from budget_period(b.period, clock_timestamp())),
    used = 0, credits = 0, warned_at = null, soft_warned_at = null, status = case when status = 'exhausted' then 'active' else status end
  where id = b.id returning * into b;
end
$$;

-- Gives turns that wait for a budget their jobs, the oldest first, as far as what is left allows: `needed`, or `least` if no call is running. While some are left, a job looks again: at the end of the period, and each minute, so that no lost hint and no jump of a clock leaves them parked.
create function wake_budget(budget_id text) returns integer language plpgsql as $$
declare
  b budgets;
  w record;
  room numeric;
  woken integer := 0;
  waits boolean := false;
begin
  b := whole_budget(wake_budget.budget_id);
  room := case when b.id is null or b.status = 'disabled' then 1e30 when b.status = 'paused' then 0 else budget_left(b) end;
  for w in
    select s.org_id, s.id, s.turn_id, (s.waiting_for->>'needed')::numeric as needed, (s.waiting_for->>'least')::numeric as least
    from sessions s where s.waiting_for is not null and s.waiting_for->>'budget_id' = wake_budget.budget_id and s.turn_id is not null
    order by s.waiting_for->>'since' limit 200
  loop
    -- With nothing reserved, no call will release more: the oldest takes what is left.
    if room > 0 and (room >= w.needed or (b.reserved + b.lent = 0 and woken = 0 and room >= w.least)) then
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
    perform graphile_worker.add_job('budget', json_build_object('budget_id', b.id), job_key => 'budget:' || b.id,
      run_at => least(b.period_ends_at, clock_timestamp() + interval '1 minute'));
  end if;
  return woken;
end
$$;

-- More money, a resume or an end wakes the turns that wait, whoever makes the change.
create function wake_after_budget() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' then delete from budget_shards where budget_id = old.id; end if;
  if old.awaited then perform wake_budget(old.id); end if;
  return null;
end
$$;
create trigger budget_wakes after update of limit_amount, credits, status or delete on budgets
  for each row execute function wake_after_budget();

-- What a use of tokens and dollars is in the currency of a budget. Null: not known.
create function budget_amount(currency text, tokens numeric, dollars numeric) returns numeric language sql immutable as $$
  select case currency when 'usd' then dollars when 'tokens' then tokens when 'credits' then tokens / 1000 else 0 end
$$;

-- What a call with so much output needs, in whole billionths.
create function budget_need(currency text, input numeric, dollars numeric, price numeric, output bigint) returns numeric language sql immutable as $$
  select coalesce(ceil(budget_amount(currency, input + output, dollars + output * price) * 1e9) / 1e9, 0)
$$;

-- The data of an event about a budget.
create function budget_event(b budgets, message text) returns json language sql stable as $$
  select json_strip_nulls(json_build_object(
    'budget_id', (b).id, 'currency', (b).currency, 'balance', round((b).limit_amount + (b).credits - (b).used, 6)::float8,
    'limit', (b).limit_amount::float8, 'soft_limit', (b).soft_limit::float8, 'message', message))
$$;

-- The subjects of the budgets that apply to a session.
create function budget_subjects(s sessions) returns text[] language sql immutable as $$
  -- The users of a channel belong to the holder of a key: their names say nothing about end users.
  select array['organization ' || (s).org_id, 'agent ' || (s).agent_id, 'session ' || (s).id,
    case when (s).channel_id is null then 'end_user ' || (s).user_id end, 'user ' || (s).account_id,
    'agent_channel ' || (s).channel_id, 'api_key ' || coalesce((s).channel_key_id, (s).api_key_id)]
$$;

-- Ends the reservations of a session. `spent` has the tokens and dollars of the call; without it the call counts as its prompt. Returns the data of the warnings that follow. With `locked`, the caller has locked the budgets.
create function settle_budgets(session text, spent json, locked boolean default false) returns json[] language plpgsql as $$
declare
  r budget_reservations;
  b budgets;
  used_amount numeric;
  total numeric;
  amount_max numeric;
  warnings json[] := '{}';
begin
  for r in
    with d as (delete from budget_reservations where session_id = session returning *)
    select * from d order by budget_id
  loop
    select * into b from budgets where id = r.budget_id;
    continue when not found;
    used_amount := coalesce(case when spent is null then r.input_amount
      else budget_amount(b.currency, (spent->>'tokens')::numeric, (spent->>'dollars')::numeric) end, 0);
    insert into budget_ledger (budget_id, org_id, kind, amount, reserved, reserved_at, meter_source, ref_type, ref_id, session_id, turn_id)
    values (b.id, b.org_id, 'settle', used_amount, r.amount, r.created_at, 'llm_tokens', 'llm_generation', r.exec_id, session, r.turn_id);
    amount_max := b.limit_amount + b.credits;
    -- At most: what is lent counts as used. The exact sum takes longer.
    total := b.used + b.reserved + b.lent + used_amount;
    if (amount_max - total) * 5 <= amount_max or total >= b.soft_limit then total := budget_used(b) + used_amount; end if;
    if not locked and b.status = 'active' and not b.awaited and total < amount_max
      and (b.warned_at is not null or (amount_max - total) * 5 > amount_max)
      and (b.soft_limit is null or b.soft_warned_at is not null or total < b.soft_limit) then
      if r.shard is null then
        update budgets u set used = u.used + used_amount, reserved = u.reserved - r.amount where u.id = b.id;
      else
        update budget_shards s set used = s.used + used_amount, reserved = s.reserved - r.amount
        where s.budget_id = b.id and s.shard = r.shard;
      end if;
      -- A turn that was parked meanwhile. The budget must not be locked after its shard.
      if (select awaited from budgets where id = b.id) then
        perform graphile_worker.add_job('budget', json_build_object('budget_id', b.id), job_key => 'budget:' || b.id);
      end if;
      continue;
    end if;
    b := whole_budget(b.id);
    continue when b.id is null;
    if r.shard is null then
      update budgets u set used = u.used + used_amount, reserved = u.reserved - r.amount where u.id = b.id returning * into b;
    else
      update budget_shards s set allotted = s.allotted - r.amount, reserved = s.reserved - r.amount where s.budget_id = b.id and s.shard = r.shard;
      update budgets u set used = u.used + used_amount, lent = u.lent - r.amount where u.id = b.id returning * into b;
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
  end loop;
  return warnings;
end
$$;

-- Lends half of what a locked budget has left to its shards, if that is many calls of this size each.
create function lend_budget(b budgets, call_amount numeric) returns void language plpgsql as $$
declare
  share numeric := trunc(budget_left(b) / 32, 9);
begin
  if share < call_amount * 2 or share = 0 then return; end if;
  insert into budget_shards as s (budget_id, shard, allotted) select b.id, n, share from generate_series(0, 15) n
  on conflict (budget_id, shard) do update set allotted = s.reserved + share;
  update budgets u set lent = u.lent + share * 16 where u.id = b.id;
end
$$;

-- Settles the open call of a session and reserves for the next one, in all budgets of `subjects` or in none. Contract: the caller holds the lock of the session; budgets are locked in the order of their ids.
create function charge_budgets(org text, session text, turn text, subjects text[], spent json, call json) returns json language plpgsql as $$
declare
  b budgets;
  warnings json[] := '{}';
  input numeric := (call->>'input_tokens')::numeric;
  dollars numeric := (call->>'input_cost')::numeric;
  price numeric := (call->>'output_price')::numeric;
  granted bigint := (call->>'output_tokens')::bigint;
  least_output bigint := least(granted, (call->>'output_min')::bigint);
  fair_output bigint := least(granted, (call->>'output_fair')::bigint);
  refusal text;
  counts boolean := false;
  room numeric;
  fits numeric;
  need numeric;
  chosen smallint := floor(random() * 16);
  open integer := (select count(*) from budget_reservations where session_id = session);
begin
  if open > 0 and call is not null then
    perform from budgets l
    where l.id in (select budget_id from budget_reservations where session_id = session)
      or l.org_id = org and l.subject_type || ' ' || l.subject_id = any(subjects)
    order by l.id for no key update;
  end if;
  if open > 0 then warnings := settle_budgets(session, spent, call is not null); end if;
  if call is null then return json_build_object('warnings', warnings); end if;
  for b in
    select * from budgets l
    where l.org_id = org and l.subject_type || ' ' || l.subject_id = any(subjects) and l.status <> 'disabled'
    order by l.id
  loop
    if b.status = 'active' and b.lent <> 0 and (b.currency <> 'usd' or dollars is not null)
      and (b.period_ends_at is null or b.period_ends_at > clock_timestamp()) then
      need := budget_need(b.currency, input, dollars, price, granted);
      update budget_shards s set reserved = s.reserved + need
      where s.budget_id = b.id and s.shard = chosen and s.allotted - s.used - s.reserved >= need;
      if found then
        perform add_reservation(session, b, chosen, turn, call, granted);
        counts := true;
        continue;
      end if;
    end if;
    b := whole_budget(b.id);
    continue when b.id is null or b.status = 'disabled';
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
    refusal := case
      when b.status = 'paused' then 'paused'
      when b.currency = 'usd' and dollars is null and not (call->>'counts_only_tokens')::boolean then 'unpriced'
      when fits < least_output or (fits < fair_output and b.reserved + b.lent > 0) then 'exhausted'
    end;
    if refusal is not null then
      perform cancel_reservations(session, 0, call);
      return budget_refusal(b, refusal, call, fair_output, least_output, warnings);
    end if;
    if fits < granted then
      granted := fits;
      perform cancel_reservations(session, granted, call);
    end if;
    need := budget_need(b.currency, input, dollars, price, granted);
    update budgets u set reserved = u.reserved + need where u.id = b.id returning * into b;
    perform add_reservation(session, b, null, turn, call, granted);
    counts := true;
    -- A smaller call than the one that was refused.
    if b.status = 'exhausted' then update budgets u set status = 'active' where u.id = b.id; end if;
    perform lend_budget(b, need);
  end loop;
  return json_build_object('granted', case when counts then granted end, 'warnings', warnings);
end
$$;

create function add_reservation(session text, b budgets, shard smallint, turn text, call json, output bigint) returns void language sql as $$
  insert into budget_reservations (session_id, budget_id, org_id, turn_id, exec_id, amount, input_amount, output_tokens, shard)
  select session, (b).id, (b).org_id, turn, call->>'exec_id', budget_need((b).currency, input, dollars, price, output),
    budget_need((b).currency, input, dollars, price, 0), output, shard
  from (select (call->>'input_tokens')::numeric, (call->>'input_cost')::numeric, (call->>'output_price')::numeric) c(input, dollars, price)
$$;

-- Lowers the reservations of a call to so much output, or removes them: another budget allows no more. Their rows are locked already.
create function cancel_reservations(session text, output bigint, call json) returns void language plpgsql as $$
declare
  r budget_reservations;
  need numeric;
begin
  for r in select * from budget_reservations where session_id = session order by budget_id loop
    select case when output > 0 then budget_need(b.currency, (call->>'input_tokens')::numeric, (call->>'input_cost')::numeric,
      (call->>'output_price')::numeric, output) else 0 end into need from budgets b where b.id = r.budget_id;
    if r.shard is null then update budgets b set reserved = b.reserved - r.amount + need where b.id = r.budget_id;
    else update budget_shards s set reserved = s.reserved - r.amount + need where s.budget_id = r.budget_id and s.shard = r.shard;
    end if;
    if output > 0 then update budget_reservations x set amount = need, output_tokens = output where x.session_id = session and x.budget_id = r.budget_id;
    else delete from budget_reservations x where x.session_id = session and x.budget_id = r.budget_id;
    end if;
  end loop;
end
$$;

-- Why a budget refuses a call. `contended`: only because of calls that are running. It waits until `needed` is left, or `least` once nothing is reserved.
create function budget_refusal(b budgets, reason text, call json, fair_output bigint, least_output bigint, warnings json[]) returns json language plpgsql as $$
declare
  input numeric := (call->>'input_tokens')::numeric;
  dollars numeric := (call->>'input_cost')::numeric;
  price numeric := (call->>'output_price')::numeric;
  needed numeric := budget_need(b.currency, input, dollars, price, fair_output);
  least_needed numeric := budget_need(b.currency, input, dollars, price, least_output);
begin
  return json_build_object('warnings', warnings, 'refused', json_build_object(
    'reason', reason, 'on_exhausted', b.on_exhausted, 'needed', needed, 'least', least_needed,
    'contended', b.status = 'active' and b.reserved + b.lent > 0 and budget_left(b) + b.reserved + b.lent >= least_needed,
    'budget', budget_event(b, null), 'ends_at', b.period_ends_at));
end
$$;
