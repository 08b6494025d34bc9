-- Limits of what model calls may use. Amounts are in the currency of the budget.
create table budgets (
  org_id text not null,
  id text primary key,
  subject_type text not null,
  subject_id text not null,
  -- `usd`, `tokens`, `credits` of 1,000 tokens, or a word of the organization, which model calls do not use.
  currency text not null,
  limit_amount numeric not null,
  -- An amount used. Once it is reached, a warning follows.
  soft_limit numeric,
  -- As on the wire; null: the budget has one period without an end.
  period json,
  period_started_at timestamptz(3) not null default clock_timestamp(),
  -- The first use after this time begins the next period.
  period_ends_at timestamptz(3),
  used numeric not null default 0,
  -- The sum of its open reservations.
  reserved numeric not null default 0,
  credits numeric not null default 0,
  status text not null default 'active',
  on_exhausted text not null default 'wait',
  -- When 20 % or less was left, and when the soft limit was reached, in this period.
  warned_at timestamptz(3),
  soft_warned_at timestamptz(3),
  -- True while turns may be parked until it has more.
  awaited boolean not null default false,
  metadata json,
  created_at timestamptz(3) not null default clock_timestamp(),
  updated_at timestamptz(3) not null default clock_timestamp()
) with (fillfactor = 50);
create index budgets_of_subject on budgets (org_id, subject_type, subject_id, id);

-- One row for each budget of a model call whose outcome is not in the log yet. Without foreign keys, which would lock the budget once more.
create table budget_reservations (
  session_id text not null,
  budget_id text not null,
  org_id text not null,
  turn_id text not null,
  -- The execution of the model call, as in the context of its events.
  exec_id text not null,
  amount numeric not null,
  -- The part for the prompt: what a call without a reported usage has used at least.
  input_amount numeric not null,
  created_at timestamptz(3) not null default clock_timestamp(),
  primary key (session_id, budget_id)
) with (fillfactor = 70);
create index budget_reservations_of_budget on budget_reservations (budget_id);

-- Append only. A positive amount is use, a negative one is credit. A settlement has the reservation that it ends.
create table budget_ledger (
  budget_id text not null,
  id bigint generated always as identity,
  org_id text not null,
  -- `settle`, `top_up`, `manual`, or `period`: the end of a period, with the rest that lapses.
  kind text not null,
  amount numeric not null,
  reserved numeric,
  reserved_at timestamptz(3),
  meter_source text not null,
  ref_type text not null,
  ref_id text,
  session_id text,
  turn_id text,
  description text,
  created_at timestamptz(3) not null default clock_timestamp(),
  primary key (budget_id, id)
);
create index budget_ledger_by_time on budget_ledger (created_at);

-- The API key and the account that made a session: budgets of either apply to it.
alter table sessions
  add column api_key_id text,
  add column account_id text;
