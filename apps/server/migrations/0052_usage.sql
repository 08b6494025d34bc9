-- What model calls used, summed per day in UTC and per agent, model, end user and key. An empty text is none.
create table usage_days (
  org_id text not null,
  day date not null,
  agent_id text not null,
  model text not null,
  user_id text not null,
  key_id text not null,
  -- Sums without an end user are spread over several rows, so that turns do not wait for each other.
  shard smallint not null,
  calls bigint not null default 0,
  input_tokens bigint not null default 0,
  output_tokens bigint not null default 0,
  cache_read_tokens bigint not null default 0,
  cache_creation_tokens bigint not null default 0,
  cost_nanos bigint,
  primary key (org_id, day, agent_id, model, user_id, key_id, shard)
) with (fillfactor = 70);
-- For reports about one end user, and for the deletion of one.
create index usage_days_of_user on usage_days (org_id, user_id, day);
-- For the retention.
create index usage_days_by_day on usage_days (day);

-- Locks a budget until the transaction ends, counts its shards, and begins its next period if it is due.
create function hold_budget(org text, budget text) returns setof budgets language plpgsql as $$
begin
  if exists (select from budgets where org_id = org and id = budget) then return next whole_budget(budget); end if;
end
$$;

-- The budgets that apply to a session, for readers.
create function session_budgets(org text, session text) returns setof budgets language sql stable as $$
  select b.* from sessions s
    join budgets b on b.org_id = s.org_id and b.subject_type || ' ' || b.subject_id = any(budget_subjects(s))
  where s.org_id = org and s.id = session and b.status <> 'disabled'
$$;
