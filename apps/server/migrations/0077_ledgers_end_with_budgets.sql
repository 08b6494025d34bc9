-- The entries of the ledger are deleted with their budget, whatever deletes it. A settlement holds the lock of the budget or of its shard until its entry is committed, so both are deleted first.
create or replace function wake_after_budget() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' then
    delete from budget_shards where budget_id = old.id;
    delete from budget_ledger where budget_id = old.id;
  end if;
  if old.awaited then perform wake_budget(old.id); end if;
  return null;
end
$$;

-- Entries whose budgets were deleted without them.
delete from budget_ledger l where not exists (select from budgets b where b.id = l.budget_id);
