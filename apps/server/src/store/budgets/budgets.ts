import type { Budget, BudgetChange, BudgetQuery, NewBudget, TopUp } from '@outlast/contract'
import { ApiError } from '../../errors.ts'
import { newId } from '../../ids.ts'
import type { Db, Statement } from '../database.ts'
import { jsonOrNull } from '../json-lists.ts'
import { statement, valuesOf } from '../statements.ts'

/** A budget whose period is over is shown as the next use will find it. */
const isOver = 'b.period_ends_at <= clock_timestamp()'

/** SQL: the columns of a budget `b` as it has them on the wire. */
export const budgetColumns = `
  b.id, b.org_id as organization_id, b.subject_type, b.subject_id, b.currency,
  b.limit_amount::float8 as limit, b.soft_limit::float8 as soft_limit,
  round(case when ${isOver} then b.limit_amount else b.limit_amount + b.credits - budget_used(b) end, 6)::float8 as balance,
  round(budget_reserved(b), 6)::float8 as reserved, b.period,
  case
    when b.period is null then null
    when ${isOver} then (select started_at from budget_period(b.period, clock_timestamp()))
    else b.period_started_at
  end::timestamptz(3) as period_started_at,
  case when ${isOver} and b.status = 'exhausted' then 'active' else b.status end as status,
  b.on_exhausted, b.metadata, b.created_at, b.updated_at`

/** `total`: the limit with the credits of the period. */
export type CheckedBudget = Budget & { total: number }

/** SQL: the columns of a checked budget `b`. */
export const checkedColumns = `${budgetColumns},
  (case when ${isOver} then b.limit_amount else b.limit_amount + b.credits end)::float8 as total`

/** A new budget, whose subject is found. */
export type CreatedBudget = Omit<NewBudget, 'on_exhausted'> &
  Required<Pick<NewBudget, 'on_exhausted'>>

const insert = statement(
  'create-budget',
  `
insert into budgets as b (
  org_id, id, subject_type, subject_id, currency, limit_amount, soft_limit, period, on_exhausted, metadata
)
values (
  :orgId, :id, :subjectType, :subjectId, :currency, round(:limit::numeric, 6), round(:softLimit::numeric, 6), :period::json, :onExhausted, :metadata::json
)
returning ${budgetColumns}`,
)

export async function createBudget(db: Db, orgId: string, budget: CreatedBudget): Promise<Budget> {
  const values = valuesOf(insert, {
    orgId,
    id: newId('budget'),
    subjectType: budget.subject_type,
    subjectId: budget.subject_id,
    currency: budget.currency,
    limit: budget.limit,
    softLimit: budget.soft_limit ?? null,
    period: jsonOrNull(budget.period),
    onExhausted: budget.on_exhausted,
    metadata: jsonOrNull(budget.metadata),
  })
  const [made] = await db.run<Budget>(insert, values)
  return made!
}

const counting: Statement = {
  name: 'count-budgets',
  text: `select count(*) as count from budgets where org_id = $1 and subject_type <> 'channel_user'`,
}

/** Counts the budgets of an organization, deleted ones included, without users of channels. */
export async function countBudgets(db: Db, orgId: string): Promise<number> {
  const [row] = await db.run<{ count: number }>(counting, [orgId])
  return row!.count
}

const byId = (name: string, columns: string): Statement => ({
  name,
  text: `select ${columns} from budgets b where org_id = $1 and id = $2`,
})
const plain = byId('budget', budgetColumns)
const checked = byId('checked-budget', checkedColumns)

async function readOne<Row>(db: Db, statement: Statement, values: [orgId: string, id: string]) {
  const [found] = await db.run<Row>(statement, values)
  if (!found) throw new ApiError('not_found', 'Budget')
  return found
}

/** Returns a budget, also a deleted one. Contract: throws 404. */
export const getBudget = (db: Db, orgId: string, id: string): Promise<Budget> =>
  readOne<Budget>(db, plain, [orgId, id])

/** As `getBudget`, with its total. */
export const getCheckedBudget = (db: Db, orgId: string, id: string): Promise<CheckedBudget> =>
  readOne<CheckedBudget>(db, checked, [orgId, id])

type BudgetFilter = 'subject_type' | 'subject_id'

/** Each filter has a statement of its own, so that its index is used. */
const listWith = (filters: readonly BudgetFilter[]): Statement => ({
  name: `budgets-of-${filters.join('-')}`,
  text: `select ${budgetColumns} from budgets b
where org_id = $1 and status <> 'disabled' and subject_type <> 'channel_user'
  ${filters.map((filter, index) => `and ${filter} = $${index + 4}`).join(' ')}
order by created_at desc, id desc offset $2 limit $3`,
})

/** Lists the budgets that are not deleted, newest first, without those of users of channels. */
export function listBudgets(
  db: Db,
  orgId: string,
  { offset, limit, ...query }: BudgetQuery & { offset: number; limit: number },
): Promise<Budget[]> {
  const all: BudgetFilter[] = ['subject_type', 'subject_id']
  const filters = all.filter((filter) => query[filter] !== undefined)
  const values = filters.map((filter) => query[filter])
  return db.run<Budget>(listWith(filters), [orgId, offset, limit, ...values])
}

/** SQL: true for a budget of an end user `$2`, also as a user of an agent channel. */
export const isOfEndUser = `(
  subject_type = 'end_user' and subject_id = $2
  or subject_type = 'channel_user' and split_part(subject_id, ' ', 1) || ' ' || split_part(subject_id, ' ', 2) || ' ' || $2 = subject_id
)`

const listOfEndUser: Statement = {
  name: 'budgets-of-end-user',
  text: `select ${budgetColumns} from budgets b where org_id = $1 and ${isOfEndUser} order by created_at, id`,
}

/** Lists all budgets of an end user, deleted ones included, oldest first. */
export const listBudgetsOfEndUser = (db: Db, orgId: string, user: string): Promise<Budget[]> =>
  db.run<Budget>(listOfEndUser, [orgId, user])

// A trigger sets the status that follows, and wakes the turns that wait for the budget.
const change = statement(
  'update-budget',
  `
update budgets b set
  limit_amount = coalesce(round(:limit::numeric, 6), limit_amount),
  soft_limit = case when :setsSoftLimit then round(:softLimit::numeric, 6) else soft_limit end,
  status = coalesce(:status, status),
  on_exhausted = coalesce(:onExhausted, on_exhausted),
  metadata = case when :setsMetadata then :metadata::json else metadata end,
  updated_at = clock_timestamp()
where org_id = :orgId and id = :id
returning ${budgetColumns}`,
)

type BudgetRef = { orgId: string; id: string }

/**
 * Changes a budget. More money or the status `active` continues the turns that wait for it.
 * Contract: throws 404.
 */
export async function updateBudget(
  db: Db,
  { orgId, id }: BudgetRef,
  changes: BudgetChange,
): Promise<Budget> {
  const values = valuesOf(change, {
    orgId,
    id,
    limit: changes.limit ?? null,
    setsSoftLimit: changes.soft_limit !== undefined,
    softLimit: changes.soft_limit ?? null,
    status: changes.status ?? null,
    onExhausted: changes.on_exhausted ?? null,
    setsMetadata: changes.metadata !== undefined,
    metadata: jsonOrNull(changes.metadata),
  })
  const [changed] = await db.run<Budget>(change, values)
  if (!changed) throw new ApiError('not_found', 'Budget')
  return changed
}

const hold: Statement = {
  name: 'hold-budget',
  text: `select ${budgetColumns} from hold_budget($1, $2) b`,
}

/**
 * Locks a budget until the transaction ends, and begins its next period if it is due.
 * Contract: throws 404.
 */
export async function holdBudget(db: Db, { orgId, id }: BudgetRef): Promise<Budget> {
  const [held] = await db.run<Budget>(hold, [orgId, id])
  if (!held) throw new ApiError('not_found', 'Budget')
  return held
}

const topUp = statement(
  'top-up-budget',
  `
with l as (
  insert into budget_ledger (org_id, budget_id, kind, amount, meter_source, ref_type, ref_id, description)
  select org_id, id, 'top_up', - round(:amount::numeric, 6), 'manual', 'manual', :by, :description
  from budgets where org_id = :orgId and id = :id
)
update budgets b set credits = credits + round(:amount::numeric, 6), updated_at = clock_timestamp()
where org_id = :orgId and id = :id
returning ${budgetColumns}`,
)

/** Adds to the balance of a budget. Contract: the caller holds it, and it is not deleted. */
export async function topUpBudget(
  db: Db,
  { orgId, id, by }: BudgetRef & { by: string },
  { amount, description = null }: TopUp,
): Promise<Budget> {
  const values = valuesOf(topUp, { orgId, id, by, amount, description })
  const [budget] = await db.run<Budget>(topUp, values)
  return budget!
}
