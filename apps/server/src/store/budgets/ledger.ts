import type { LedgerEntry } from '@outlast/contract'
import type { Db, Statement } from '../database.ts'

const sweep: Statement = {
  name: 'sweep-budget-ledger',
  text: `
delete from budget_ledger where ctid = any(array(
  select ctid from budget_ledger where created_at < now() - $1 * interval '1 day' limit 10000
))`,
}

/** Deletes old entries of the ledger. The balance of a budget does not depend on them. */
export async function sweepLedger(db: Db, days: number): Promise<void> {
  await db.run(sweep, [days])
}

const list: Statement = {
  name: 'ledger-entries',
  text: `
select 'ledger_' || right(budget_id, 16) || lpad(to_hex(id), 16, '0') as id, budget_id, kind,
  round(amount, 6)::float8 as amount, round(reserved, 6)::float8 as reserved, meter_source, ref_type,
  ref_id, session_id, description, created_at
from budget_ledger where budget_id = $1 order by budget_ledger.id desc offset $2 limit $3`,
}

/** Lists the entries of a budget, newest first. */
export function listLedgerEntries(
  db: Db,
  budgetId: string,
  { offset, limit }: { offset: number; limit: number },
): Promise<LedgerEntry[]> {
  return db.run<LedgerEntry>(list, [budgetId, offset, limit])
}
