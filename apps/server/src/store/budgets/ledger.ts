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
