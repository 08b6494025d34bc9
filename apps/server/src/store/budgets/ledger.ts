import type { LedgerEntry } from '@outlast/contract'
import type { Db, Statement } from '../database.ts'

const sweep: Statement = {
  name: 'sweep-budget-ledger',
  text: `
delete from budget_ledger where ctid = any(array(
  select l.ctid from (select now() - $1 * interval '1 day') o(until)
    cross join budgets b
    cross join lateral (select created_at from budget_ledger where budget_id = b.id order by id limit 1) oldest
    cross join lateral (select ctid, created_at from budget_ledger where budget_id = b.id order by id limit $2) l
  where oldest.created_at < until and l.created_at < until limit $2
)) returning 1`,
}

/** Deletes old entries of the ledger. The balance of a budget does not depend on them. */
export async function sweepLedger(db: Db, days: number, rowsAtOnce = 10_000): Promise<void> {
  while ((await db.run(sweep, [days, rowsAtOnce])).length > 0);
}

/** SQL: the reservations of running turns, whose settlements are not in the ledger yet. */
const reserved = `
select 'ledger_' || right($2, 16) || left(md5(s.id), 16) as id, 'reserve' as kind, 0 as amount,
  part.amount as reserved, 'llm_tokens' as meter_source, 'llm_generation' as ref_type,
  (s.reservation).exec_id as ref_id, s.id as session_id, null as description,
  (s.reservation).reserved_at as created_at, null::bigint as place
from turns t
  join sessions s on s.org_id = t.org_id and s.id = t.session_id
  cross join unnest((s.reservation).parts) as part
where t.org_id = $1 and part.budget_id = $2`

const settled = `
select 'ledger_' || right(budget_id, 16) || lpad(to_hex(id), 16, '0'), kind, amount, reserved,
  meter_source, ref_type, ref_id, session_id, description, created_at, id
from budget_ledger where budget_id = $2 order by budget_ledger.id desc limit $3::integer + $4::integer`

const list: Statement = {
  name: 'ledger-entries',
  text: `
select id, $2 as budget_id, kind, round(amount, 6)::float8 as amount,
  round(reserved, 6)::float8 as reserved, meter_source, ref_type, ref_id, session_id, description, created_at
from (${reserved} union all (${settled})) e
order by place desc nulls first, created_at desc, id offset $3 limit $4`,
}

/** Lists the open reservations and the entries of a budget, each the newest first. */
export function listLedgerEntries(
  db: Db,
  { orgId, budgetId }: { orgId: string; budgetId: string },
  { offset, limit }: { offset: number; limit: number },
): Promise<LedgerEntry[]> {
  return db.run<LedgerEntry>(list, [orgId, budgetId, offset, limit])
}
