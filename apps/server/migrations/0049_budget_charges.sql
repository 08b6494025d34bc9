-- The output that a reservation allows, for a call whose append lost its response.
alter table budget_reservations add column output_tokens bigint not null default 0;

-- What a budget has left. Reservations count as used until they are settled.
create function budget_left(b budgets) returns numeric language sql immutable as $$
  select (b).limit_amount + (b).credits - (b).used - (b).reserved
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
  select * into b from budgets where id = wake_budget.budget_id for no key update;
  if b.period_ends_at <= clock_timestamp() then b := begin_budget_period(b); end if;
  room := case when b.id is null or b.status = 'disabled' then 1e30 when b.status = 'paused' then 0 else budget_left(b) end;
  for w in
    select s.org_id, s.id, s.turn_id, (s.waiting_for->>'needed')::numeric as needed, (s.waiting_for->>'least')::numeric as least
    from sessions s where s.waiting_for is not null and s.waiting_for->>'budget_id' = wake_budget.budget_id and s.turn_id is not null
    order by s.waiting_for->>'since' limit 200
  loop
    -- With nothing reserved, no call will release more: the oldest takes what is left.
    if room > 0 and (room >= w.needed or (b.reserved = 0 and woken = 0 and room >= w.least)) then
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

-- The data of an event about a budget.
create function budget_event(b budgets, message text) returns json language sql stable as $$
  select json_strip_nulls(json_build_object(
    'budget_id', (b).id, 'currency', (b).currency, 'balance', round((b).limit_amount + (b).credits - (b).used, 6)::float8,
    'limit', (b).limit_amount::float8, 'soft_limit', (b).soft_limit::float8, 'message', message))
$$;

-- Ends the reservations of a session. `spent` has the tokens and dollars of the call; without it the call counts as its prompt. Returns the data of the warnings that follow.
create function settle_budgets(session_id text, spent json) returns json[] language plpgsql as $$
declare
  r budget_reservations;
  b budgets;
  warnings json[] := '{}';
begin
  for r in
    with d as (delete from budget_reservations d where d.session_id = settle_budgets.session_id returning d.*)
    select * from d order by d.budget_id
  loop
    update budgets u set
      used = u.used + case when spent is null then r.input_amount
        else coalesce(budget_amount(u.currency, (spent->>'tokens')::numeric, (spent->>'dollars')::numeric), 0) end,
      reserved = u.reserved - r.amount
    where u.id = r.budget_id returning * into b;
    continue when not found;
    insert into budget_ledger (budget_id, org_id, kind, amount, reserved, reserved_at, meter_source, ref_type, ref_id, session_id, turn_id)
    values (b.id, b.org_id, 'settle', case when spent is null then r.input_amount
        else coalesce(budget_amount(b.currency, (spent->>'tokens')::numeric, (spent->>'dollars')::numeric), 0) end,
      r.amount, r.created_at, 'llm_tokens', 'llm_generation', r.exec_id, r.session_id, r.turn_id);
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

-- The budgets that apply to the calls of a session.
create function budgets_of_session(org text, session text) returns setof budgets language sql stable as $$
  select b.* from sessions s
    cross join lateral (values
      ('organization', s.org_id), ('agent', s.agent_id), ('session', s.id), ('end_user', s.user_id), ('user', s.account_id),
      ('agent_channel', s.channel_id), ('api_key', coalesce(s.channel_key_id, s.api_key_id))
    ) v (subject_type, subject_id)
    join budgets b on b.org_id = s.org_id and b.subject_type = v.subject_type and b.subject_id = v.subject_id
  where s.org_id = org and s.id = session and b.status <> 'disabled'
$$;

-- The tokens of output that a budget has for a call; a number beyond all models if it does not count them.
create function budget_output(b budgets, call json) returns numeric language plpgsql immutable as $$
declare
  input numeric := (call->>'input_tokens')::numeric;
  price numeric := (call->>'output_price')::numeric;
  room numeric := budget_left(b);
begin
  if room <= 0 then return -1; end if;
  if b.currency = 'tokens' then return floor(room - input); end if;
  if b.currency = 'credits' then return floor(room * 1000 - input); end if;
  if b.currency <> 'usd' or call->>'input_cost' is null then return 1e12; end if;
  room := room - (call->>'input_cost')::numeric;
  if room < 0 then return -1; end if;
  return case when price = 0 then 1e12 else floor(room / price) end;
end
$$;

-- Settles the open call of a session and reserves for the next one, in all budgets that apply or in none. Contract: the caller holds the lock of the session; budgets are locked in the order of their ids.
create function charge_budgets(org text, session text, turn text, spent json, call json) returns json language plpgsql as $$
declare
  b budgets;
  warnings json[];
  fits numeric;
  granted bigint := (call->>'output_tokens')::bigint;
  least_output bigint := least(granted, (call->>'output_min')::bigint);
  fair_output bigint := least(granted, (call->>'output_fair')::bigint);
  ids text[] := '{}';
begin
  -- A retry: the budgets of both calls in one order.
  if call is not null and exists (select from budget_reservations where session_id = session) then
    perform from budgets l where l.id in (select budget_id from budget_reservations where session_id = session union all select a.id from budgets_of_session(org, session) a)
    order by l.id for no key update;
  end if;
  warnings := settle_budgets(session, spent);
  if call is null then return json_build_object('warnings', array_to_json(warnings)); end if;
  for b in select * from budgets l where l.id in (select a.id from budgets_of_session(org, session) a) order by l.id for no key update loop
    if b.period_ends_at <= clock_timestamp() then b := begin_budget_period(b); end if;
    if b.status = 'paused' then
      return budget_refusal(b, 'paused', call, fair_output, least_output, warnings);
    end if;
    if b.currency = 'usd' and call->>'input_cost' is null and not (call->>'counts_only_tokens')::boolean then
      return budget_refusal(b, 'unpriced', call, fair_output, least_output, warnings);
    end if;
    fits := budget_output(b, call);
    if fits < least_output or (fits < fair_output and b.reserved > 0) then
      return budget_refusal(b, 'exhausted', call, fair_output, least_output, warnings);
    end if;
    granted := least(granted, fits);
    ids := ids || b.id;
  end loop;
  if ids <> '{}' then
    insert into budget_reservations (session_id, budget_id, org_id, turn_id, exec_id, amount, input_amount, output_tokens)
    select session, l.id, org, turn, call->>'exec_id', budget_need(l.currency, call, granted), budget_need(l.currency, call, 0), granted
    from budgets l where l.id = any(ids);
    update budgets u set reserved = u.reserved + r.amount from budget_reservations r where r.session_id = session and u.id = r.budget_id;
    -- A smaller call than the one that was refused.
    update budgets u set status = 'active' where u.id = any(ids) and u.status = 'exhausted' and u.limit_amount + u.credits > u.used;
  end if;
  return json_build_object('granted', case when ids <> '{}' then granted end, 'warnings', array_to_json(warnings));
end
$$;

-- What a call with so much output needs, in whole billionths.
create function budget_need(currency text, call json, output bigint) returns numeric language sql immutable as $$
  select coalesce(ceil(budget_amount(currency, (call->>'input_tokens')::numeric + output,
    (call->>'input_cost')::numeric + output * (call->>'output_price')::numeric) * 1e9) / 1e9, 0)
$$;

-- Why a budget refuses a call. `contended`: only because of calls that are running. It waits until `needed` is left, or `least` once nothing is reserved.
create function budget_refusal(b budgets, reason text, call json, fair_output bigint, least_output bigint, warnings json[]) returns json language plpgsql as $$
declare
  needed numeric := budget_need(b.currency, call, fair_output);
  least_needed numeric := budget_need(b.currency, call, least_output);
begin
  return json_build_object('warnings', array_to_json(warnings), 'refused', json_build_object(
    'reason', reason, 'on_exhausted', b.on_exhausted, 'needed', needed, 'least', least_needed,
    'contended', b.status = 'active' and b.reserved > 0 and budget_left(b) + b.reserved >= least_needed,
    'budget', budget_event(b, null), 'ends_at', b.period_ends_at));
end
$$;
