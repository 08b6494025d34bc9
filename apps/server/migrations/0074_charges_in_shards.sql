-- What a call has reserved in one budget. `input`: the part for the prompt. `lent`: from a shard.
create type budget_part as (budget_id text, currency text, amount numeric, input numeric, lent boolean);
-- In all budgets that apply, in the order of their ids. No field is null. As JSON it was read once per field.
create type budget_reservation as (turn_id text, exec_id text, reserved_at timestamptz(3), output_tokens bigint, parts budget_part[]);

alter table sessions rename column reservation to reservation_json;
alter table sessions add column reservation budget_reservation;
update sessions set reservation = row(
  reservation_json->>'turn_id', reservation_json->>'exec_id', (reservation_json->>'at')::timestamptz, (reservation_json->>'output_tokens')::bigint,
  array(
    select row(b.id, b.currency, (p.value->>'amount')::numeric, (p.value->>'input')::numeric, (p.value->>'lent')::boolean)::budget_part
    from json_array_elements(reservation_json->'budgets') as p join budgets b on b.id = p.value->>'id' order by b.id
  )
)::budget_reservation
where reservation_json is not null;
alter table sessions drop column reservation_json;

-- Old entries are found by their budget: an index less per settlement.
drop index budget_ledger_by_time;

-- The end of the period in which a shard has what it is allotted.
alter table budget_shards add column lent_until timestamptz not null default '-infinity';

drop function charge_budgets, settle_budgets, settle_whole, lower_reservation, budget_part, is_plain_settlement;

-- The use at which a budget warns or changes its status.
create function quiet_below(b budgets) returns numeric language sql immutable as $$
  select least((b).limit_amount + (b).credits, case when (b).warned_at is null then ((b).limit_amount + (b).credits) * 0.8 end,
    case when (b).soft_warned_at is null then (b).soft_limit end)
$$;

-- Lends half of what a locked budget has left to its shards, if that is many calls of this size each. A shard with room can be used without a look at its budget: no turn waits for it, its period lasts until `lent_until`, and no use of what is lent reaches a warning.
create or replace function lend_budget(b budgets, call_amount numeric) returns void language plpgsql as $$
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
