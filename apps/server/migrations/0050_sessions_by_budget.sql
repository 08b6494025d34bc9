-- concurrently
create index concurrently if not exists sessions_by_budget on sessions ((waiting_for->>'budget_id')) where waiting_for is not null;
