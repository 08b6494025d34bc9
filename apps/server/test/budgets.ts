import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { queryRows } from './database.ts'
import { eventually } from './waiting.ts'

type Target = { databaseUrl: string }

export type BudgetFields = {
  /** Budgets are locked in the order of their ids. */
  id?: string
  orgId?: string
  subject?: [type: string, id: string]
  currency?: string
  limit: number
  soft_limit?: number
  period?: object
  on_exhausted?: 'wait' | 'fail'
}

export const organization = 'org_00000000000000000000000000000001'

/** Stores a budget; by default of tokens, of the organization. Returns its id. */
export async function addBudget(
  { databaseUrl }: Target,
  {
    id = `bdgt_${randomBytes(16).toString('hex')}`,
    orgId = organization,
    subject = ['organization', orgId],
    currency = 'tokens',
    ...fields
  }: BudgetFields,
): Promise<string> {
  const { limit, soft_limit = null, period, on_exhausted = 'wait' } = fields
  await queryRows(
    databaseUrl,
    `insert into budgets (org_id, id, subject_type, subject_id, currency, limit_amount, soft_limit, period, on_exhausted)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [orgId, id, ...subject, currency, limit, soft_limit, period ?? null, on_exhausted],
  )
  return id
}

export type BudgetState = {
  used: number
  reserved: number
  left: number
  status: string
  awaited: boolean
}

/** The state of a budget. */
export async function budgetState({ databaseUrl }: Target, id: string): Promise<BudgetState> {
  const [row] = await queryRows<BudgetState>(
    databaseUrl,
    `select budget_used(b)::float8 as used, budget_reserved(b)::float8 as reserved,
      (limit_amount + credits - budget_used(b) - budget_reserved(b))::float8 as left, status, awaited
    from budgets b where id = $1`,
    [id],
  )
  return row!
}

/** The bounds of a budget's period, and whether the database's clock is between them. */
export async function periodOf({ databaseUrl }: Target, id: string) {
  const [row] = await queryRows<{ start: Date; end: Date; contains: boolean }>(
    databaseUrl,
    `select period_started_at as start, period_ends_at as end,
      period_started_at <= clock_timestamp() and clock_timestamp() < period_ends_at as contains
    from budgets where id = $1`,
    [id],
  )
  return row!
}

/** The time in a zone, as `Monday 09:30:00`. */
export const timeIn = (timeZone: string, at: Date) =>
  new Intl.DateTimeFormat('en', {
    timeZone,
    weekday: 'long',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
  })
    .format(at)
    .replace(',', '')

/** A zone with summer time where no day and no longer period ends during a test. */
export const zoneFarFromMidnight = () =>
  ['Pacific/Auckland', 'Europe/Kyiv'].find((zone) => !/ (?:23|00):/.test(timeIn(zone, new Date())))!

/** The clock of the database goes forward by this interval: for a budget, its times go back. */
export const moveClock = (target: Target, id: string, by: string) =>
  changeBudget(
    target,
    id,
    `period_started_at = period_started_at - interval '${by}', period_ends_at = period_ends_at - interval '${by}'`,
  )

export type LedgerRow = {
  kind: string
  amount: number
  reserved: number | null
  session_id: string
}

/** The ledger of a budget, oldest first. */
export const ledgerOf = ({ databaseUrl }: Target, id: string): Promise<LedgerRow[]> =>
  queryRows(
    databaseUrl,
    `select kind, amount::float8, reserved::float8, session_id from budget_ledger
    where budget_id = $1 order by id`,
    [id],
  )

/** The ledger of a budget as pairs, oldest first. */
export const ledgerKindsOf = async (target: Target, id: string) =>
  (await ledgerOf(target, id)).map(({ kind, amount }) => [kind, amount])

/**
 * Number of settled calls of so many tokens. An attempt that a node lost with its lease is settled
 * too, as its prompt.
 */
export const settledCalls = async (target: Target, id: string, tokens: number) =>
  (await ledgerOf(target, id)).filter(({ amount }) => amount === tokens).length

/**
 * Asserts that no reservation is left, and that the ledger has what the budget has used.
 */
export async function assertSettled(target: Target, id: string): Promise<void> {
  const open = await queryRows(
    target.databaseUrl,
    `select id from sessions where $1 in (select budget_id from unnest((reservation).parts))`,
    [id],
  )
  assert.deepEqual(open, [])
  const { used, reserved } = await budgetState(target, id)
  assert.equal(reserved, 0)
  const ledger = await ledgerOf(target, id)
  const sum = ledger.reduce((total, { amount }) => total + amount, 0)
  assert.ok(Math.abs(sum - used) < 1e-9, `${sum} in the ledger, ${used} used`)
}

/** Changes a budget with SQL, like any statement that changes one. */
export async function changeBudget({ databaseUrl }: Target, id: string, set: string) {
  await queryRows(databaseUrl, `update budgets set ${set} where id = $1`, [id])
}

type Caller = {
  call: (method: string, path: string) => Promise<{ body: { waiting_for: unknown } }>
}

/** Waits until the session is parked. Returns what it waits for. */
export const whenParked = ({ call }: Caller, sessionId: string) =>
  eventually(async () => {
    const { body } = await call('GET', `/v1/sessions/${sessionId}`)
    return body.waiting_for as Record<string, unknown> | null
  })
