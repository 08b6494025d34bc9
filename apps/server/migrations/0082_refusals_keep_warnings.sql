-- A refused append stores no events, but it settles the call before, whose warnings are returned once. A node that died before its next append lost them. They stay in the reservation of the session until an append stores them.
-- No append stores a reservation between the update and the end of this transaction.
lock table sessions in share row exclusive mode;
alter type budget_reservation add attribute warnings json[];
-- Nodes of the version before test `is not null`, which is false for a row with a null in it. Only open turns have reservations.
update sessions s set reservation.warnings = '{}' from turns t where s.org_id = t.org_id and s.id = t.session_id and s.reservation is distinct from null;

-- Ends the reservation of a session. `spent` has the tokens and dollars of the call; without it the call counts as its prompt. Returns the data of the warnings that follow, and of those that it had. `place`: in `shards` only, with the error OB001 where a budget itself is needed; in the `whole` budgets, which the caller has locked; or in either.
create or replace function settle_budgets(org text, session text, open budget_reservation, spent json, place text default 'either') returns json[] language plpgsql as $$
declare
  tokens numeric := (spent->>'tokens')::numeric;
  dollars numeric := (spent->>'dollars')::numeric;
  part budget_part;
  used_amount numeric;
  is_settled boolean;
  warnings json[] := coalesce(open.warnings, '{}');
  more json[];
begin
  foreach part in array open.parts loop
    used_amount := coalesce(case when spent is null then part.input else budget_amount(part.currency, tokens, dollars) end, 0);
    is_settled := false;
    if not part.lent then
      update budgets b set used = b.used + used_amount, reserved = b.reserved - part.amount
      where b.id = part.budget_id and b.status = 'active' and not b.awaited and is_budget_period(b) and budget_used(b) + used_amount < quiet_below(b)
        and used_amount <= part.amount and place = 'either';
      is_settled := found;
    elsif used_amount <= part.amount and place <> 'whole' then
      begin
        update budget_shards s set used = s.used + used_amount, reserved = s.reserved - part.amount
        where s.budget_id = part.budget_id and s.shard = own_shard() and s.allotted > s.used + s.reserved and s.lent_until > clock_timestamp();
        if not found then raise sqlstate 'OB001'; end if;
        is_settled := true;
      exception when sqlstate 'OB001' then null;
      end;
    end if;
    if not is_settled then
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

-- Settles the reservation of a session and makes the next one, in all budgets of `subjects` or in none. The caller has locked the row of the session and stores `reservation` in it, except after a refusal, which leaves the warnings of the settlement in it. Budgets are locked in the order of their ids, each before its shards. That both happens in shards is tried first: what fails is undone, with its locks.
create or replace function charge_budgets(
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
  is_reserved boolean;
  number integer := 0;
begin
  if not open is null and place = 'either' then
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
  if not open is null then warnings := settle_budgets(org, session, open, spent, place); end if;
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
      begin
        update budget_shards s set reserved = s.reserved + need
        where s.budget_id = b.id and s.shard = own_shard() and s.allotted - s.used - s.reserved >= need;
        is_reserved := found;
        if not is_reserved then raise sqlstate 'OB001'; end if;
      exception when sqlstate 'OB001' then null;
      end;
      if is_reserved then
        parts := parts || row(b.id, b.currency, need, budget_need(b.currency, input, dollars, price, 0), true)::budget_part;
        continue;
      end if;
    end if;
    if place = 'shards' then raise sqlstate 'OB001'; end if;
    whole := reserve_whole(b.id, call, output);
    if whole.refusal is not null then
      perform lower_reservation(parts, 0, call);
      if not open is null then
        update sessions s
        set reservation = case when cardinality(warnings) > 0 then row(turn, call->>'exec_id', clock_timestamp(), 0, '{}', warnings)::budget_reservation end
        where s.org_id = org and s.id = session;
      end if;
      refused := whole.refusal;
      warnings := null;
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
  reservation := row(turn, call->>'exec_id', clock_timestamp(), output, parts, '{}')::budget_reservation;
end
$$;
