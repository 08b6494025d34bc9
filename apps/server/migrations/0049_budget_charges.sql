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

-- The subjects of the budgets that apply to a session.
create function budget_subjects(s sessions) returns text[] language sql immutable as $$
  select array['organization ' || (s).org_id, 'agent ' || (s).agent_id, 'session ' || (s).id, 'end_user ' || (s).user_id,
    'user ' || (s).account_id, 'agent_channel ' || (s).channel_id, 'api_key ' || coalesce((s).channel_key_id, (s).api_key_id)]
$$;
create index budgets_by_subject on budgets (org_id, (subject_type || ' ' || subject_id));

-- Ends the reservations of a session. `spent` has the tokens and dollars of the call; without it the call counts as its prompt. Returns the data of the warnings that follow. Contract: the caller has locked the budgets, if there are several.
create function settle_budgets(session text, spent json) returns json[] language plpgsql as $$
declare
  tokens numeric := (spent->>'tokens')::numeric;
  dollars numeric := (spent->>'dollars')::numeric;
  u record;
  warnings json[] := '{}';
begin
  for u in
    with r as (
      delete from budget_reservations where session_id = session returning *
    ), u as (
      update budgets b set
        used = b.used + coalesce(case when spent is null then r.input_amount else budget_amount(b.currency, tokens, dollars) end, 0),
        reserved = b.reserved - r.amount
      from r where b.id = r.budget_id
      returning b.*, r.amount as was_reserved, r.created_at as reserved_at, r.exec_id, r.turn_id,
        coalesce(case when spent is null then r.input_amount else budget_amount(b.currency, tokens, dollars) end, 0) as amount
    ), l as (
      insert into budget_ledger (budget_id, org_id, kind, amount, reserved, reserved_at, meter_source, ref_type, ref_id, session_id, turn_id)
      select id, org_id, 'settle', amount, was_reserved, reserved_at, 'llm_tokens', 'llm_generation', exec_id, session, turn_id from u
    )
    select id, awaited, limit_amount + credits <= used and status = 'active' as ends,
      (limit_amount + credits - used) * 5 <= limit_amount + credits and warned_at is null as is_low,
      coalesce(used >= soft_limit and soft_warned_at is null, false) as is_soft
    from u
  loop
    if u.ends then
      update budgets b set status = 'exhausted' where b.id = u.id;
    end if;
    if u.is_soft then
      update budgets b set soft_warned_at = clock_timestamp() where b.id = u.id;
      warnings := warnings || (select budget_event(b, 'The soft limit is reached.') from budgets b where b.id = u.id);
    end if;
    if u.is_low then
      update budgets b set warned_at = clock_timestamp() where b.id = u.id;
      warnings := warnings || (select budget_event(b, '20 % or less of the budget is left.') from budgets b where b.id = u.id);
    end if;
    if u.awaited then perform wake_budget(u.id); end if;
  end loop;
  return warnings;
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
  room numeric;
  fits numeric;
  open integer := (select count(*) from budget_reservations where session_id = session);
  ids text[] := '{}';
  currencies text[] := '{}';
begin
  if open > 1 or (open = 1 and call is not null) then
    perform from budgets l
    where l.id in (select budget_id from budget_reservations where session_id = session)
      or (call is not null and l.org_id = org and l.subject_type || ' ' || l.subject_id = any(subjects))
    order by l.id for no key update;
  end if;
  if open > 0 then warnings := settle_budgets(session, spent); end if;
  if call is null then return json_build_object('warnings', warnings); end if;
  for b in
    select * from budgets l
    where l.org_id = org and l.subject_type || ' ' || l.subject_id = any(subjects) and l.status <> 'disabled'
    order by l.id for no key update
  loop
    if b.period_ends_at <= clock_timestamp() then b := begin_budget_period(b); end if;
    if b.status = 'paused' then
      return budget_refusal(b, 'paused', call, fair_output, least_output, warnings);
    end if;
    if b.currency = 'usd' and dollars is null and not (call->>'counts_only_tokens')::boolean then
      return budget_refusal(b, 'unpriced', call, fair_output, least_output, warnings);
    end if;
    room := b.limit_amount + b.credits - b.used - b.reserved;
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
    if fits < least_output or (fits < fair_output and b.reserved > 0) then
      return budget_refusal(b, 'exhausted', call, fair_output, least_output, warnings);
    end if;
    granted := least(granted, fits);
    ids := ids || b.id;
    currencies := currencies || b.currency;
    -- A smaller call than the one that was refused.
    if b.status = 'exhausted' then update budgets u set status = 'active' where u.id = b.id; end if;
  end loop;
  for i in 1..cardinality(ids) loop
    with r as (
      insert into budget_reservations (session_id, budget_id, org_id, turn_id, exec_id, amount, input_amount, output_tokens)
      values (session, ids[i], org, turn, call->>'exec_id', budget_need(currencies[i], input, dollars, price, granted),
        budget_need(currencies[i], input, dollars, price, 0), granted)
      returning amount
    )
    update budgets u set reserved = u.reserved + r.amount from r where u.id = ids[i];
  end loop;
  return json_build_object('granted', case when ids <> '{}' then granted end, 'warnings', warnings);
end
$$;

-- What a call with so much output needs, in whole billionths.
create function budget_need(currency text, input numeric, dollars numeric, price numeric, output bigint) returns numeric language sql immutable as $$
  select coalesce(ceil(budget_amount(currency, input + output, dollars + output * price) * 1e9) / 1e9, 0)
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
    'contended', b.status = 'active' and b.reserved > 0 and budget_left(b) + b.reserved >= least_needed,
    'budget', budget_event(b, null), 'ends_at', b.period_ends_at));
end
$$;
