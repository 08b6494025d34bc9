-- The API key and the account that made a schedule: budgets of either apply to the sessions that it starts.
alter table schedules
  add column api_key_id text,
  add column account_id text;
