import type { Budget } from '@outlast/contract'
import type { Db, Statement } from '../database.ts'
import { budgetColumns, type CheckedBudget, checkedColumns } from './budgets.ts'
import type { ToolBudget } from './tool-budget.ts'

const listing = (name: string, columns: string): Statement => ({
  name,
  text: `select ${columns} from session_budgets($1, $2) b order by b.created_at desc, b.id desc`,
})
const plain = listing('budgets-of-session', budgetColumns)
const checked = listing('checked-budgets-of-session', checkedColumns)

/** Lists the budgets that apply to a session, newest first. */
export function budgetsOfSession(db: Db, orgId: string, sessionId: string): Promise<Budget[]> {
  return db.run<Budget>(plain, [orgId, sessionId])
}

/** As `budgetsOfSession`, with their totals. */
export const checkedBudgetsOfSession = (db: Db, orgId: string, sessionId: string) =>
  db.run<CheckedBudget>(checked, [orgId, sessionId])

/** Reads the balance of the budgets that apply to a session, for its tools. */
export async function toolBudgets(db: Db, orgId: string, sessionId: string): Promise<ToolBudget[]> {
  const budgets = await budgetsOfSession(db, orgId, sessionId)
  return budgets.map(({ subject_type: subject, currency, limit, balance, reserved, status }) => ({
    subject,
    currency,
    limit,
    balance,
    reserved,
    status,
  }))
}

const resume: Statement = {
  name: 'resume-budgets-of-session',
  text: `
with paused as materialized (
  select b.id from budgets b
  where b.status = 'paused' and b.id in (select id from session_budgets($1, $2))
  order by b.id for no key update
)
update budgets set status = 'active', updated_at = clock_timestamp()
from paused where budgets.id = paused.id
returning budgets.id`,
}

/** Makes the paused budgets of a session active. Returns their number. */
export async function resumeBudgets(db: Db, orgId: string, sessionId: string): Promise<number> {
  return (await db.run(resume, [orgId, sessionId])).length
}
