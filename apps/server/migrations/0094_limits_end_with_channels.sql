-- The budgets of a channel's users, up to one for each of its users, end with the channel, or with its limit in their currency. They are deleted later, in batches.

-- False for a budget that is disabled, or that of a user of a channel which has no limit in its currency any more.
create function budget_applies(b budgets) returns boolean language sql stable as $$
  select (b).status <> 'disabled' and ((b).subject_type <> 'channel_user' or exists (
    select from agent_channels c
    where c.org_id = (b).org_id and c.id = split_part((b).subject_id, ' ', 1) and c.config->'spending_limit'->>'currency' = (b).currency
  ))
$$;

-- The budgets that apply to a session, for readers.
create or replace function session_budgets(org text, session text) returns setof budgets language sql stable as $$
  select b.* from sessions s
    join budgets b on b.org_id = s.org_id and b.subject_type || ' ' || b.subject_id = any(budget_subjects(s))
  where s.org_id = org and s.id = session and budget_applies(b)
$$;

-- As before, with these budgets. The budgets to lock are found by indexes: `in (select …) or …` allowed none, so that a call after tools read the budgets of all organizations.

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
        where l.id = any(array(select budget_id from unnest(open.parts))) or l.org_id = org and l.subject_type || ' ' || l.subject_id = any(subjects)
        order by l.id
      ) l;
    end;
  end if;
  if not open is null then warnings := settle_budgets(org, session, open, spent, place); end if;
  for b in
    select l.id, l.currency, l.lent <> 0 and (l.currency <> 'usd' or dollars is not null) and is_budget_period(l) as lends from budgets l
    where l.org_id = org and l.subject_type || ' ' || l.subject_id = any(subjects) and budget_applies(l)
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
