import type { EventDataOf } from '@outlast/contract'
import type { Db } from '../database.ts'
import { statement, valuesOf } from '../statements.ts'

/** The worst case of a model call. Amounts of money are in dollars. */
export type CallEstimate = {
  exec_id: string
  input_tokens: number
  /** The output that the call asks for, the least that is useful, and a share that is fair. */
  output_tokens: number
  output_min: number
  output_fair: number
  /** Null: the price of the model is not known. */
  input_cost: number | null
  output_price: number | null
  /** For an unknown price: budgets in dollars do not count the call, instead of refusing it. */
  counts_only_tokens: boolean
}

/** What a model call has used. `dollars`: null for an unknown price. */
export type Spent = { tokens: number; dollars: number | null }

/** Why a budget refuses a model call. */
export type BudgetRefusal = {
  reason: 'exhausted' | 'paused' | 'unpriced'
  on_exhausted: 'wait' | 'fail'
  /** Refused only because of running calls, whose reservations are not settled yet. */
  contended: boolean
  /** The amounts that it must have left: beside other calls, and alone. */
  needed: number
  least: number
  budget: EventDataOf<'budget.exhausted'>
  /** End of the budget's period. */
  ends_at: string | null
}

/** The result of an append that charges budgets. `granted`: tokens of output; null: any number. */
export type Charged = {
  granted: number | null
  refused: BudgetRefusal | null
}

/**
 * A budget refuses a model call. Nothing is appended, but the call before it is settled. The next
 * append that settles stores the warnings of that.
 */
export class BudgetRefusedError extends Error {
  override name = 'BudgetRefusedError'
  readonly refusal: BudgetRefusal

  constructor(refusal: BudgetRefusal) {
    super(`Budget ${refusal.budget.budget_id} refuses the call.`)
    this.refusal = refusal
  }
}

/** What an append does in budgets: `reserves` settles the open call of the session too. */
export type Charging = 'reserves' | 'settles'

/**
 * Parts of an append that charges budgets. Without a budget of the organization and an open call,
 * they do nothing. `fence`: SQL, true if the append may be made. The session is locked first, then
 * the budgets by their ids. A row `is not null` only if no field is null.
 */
export const chargeParts: Record<Charging, (fence: string) => string> = {
  reserves: (fence) => `held as (
  select org_id, id, budget_subjects(sessions) as subjects, reservation from sessions
  where ${fence} and (not reservation is null or exists (select from budgets where org_id = :orgId))
  for no key update
), charged as (
  select c.* from held, charge_budgets(org_id, id, :turnId, subjects, reservation, :spent::json, :call::json) c
), `,
  settles: (fence) => `held as (
  select org_id, id, reservation from sessions where ${fence} and not reservation is null
  for no key update
), charged as (
  select null::bigint as granted, null::budget_reservation as reservation, null::json as refused,
    settle_budgets(org_id, id, reservation, :spent::json) as warnings
  from held
), `,
}

/** SQL where `charged` is joined: the reservation of the session after the append. */
export const nextReservation = 'charged.reservation'

/** SQL where `charged` is joined: false if a budget has refused the call. */
export const isGranted = 'charged.refused is null'

/** SQL where `charged` is joined: the number of warnings, which the append stores first. */
export const warningCount = 'coalesce(cardinality(charged.warnings), 0)'

/** SQL: the rows `n` of an append, the warnings before `rows`. Reads `warned` of the part `s`. */
export const withWarnings = (rows: string) => `(
    select 'budget.warning' as type, :budgetContext::json as context, w.value as data, null::text[] as tags, w.ord
    from charged, unnest(warnings) with ordinality as w(value, ord)
    union all
    select type, context, data, tags, s.warned + ord from s, ${rows}
  ) n`

const granted = statement(
  'granted-output',
  `
select (reservation).output_tokens as granted from sessions
where org_id = :orgId and id = :sessionId and (reservation).turn_id = :turnId`,
)

/** The output that the open reservation of a call allows; null without one. */
export async function findGranted(
  db: Db,
  of: { orgId: string; sessionId: string; turnId: string },
): Promise<number | null> {
  const [row] = await db.run<{ granted: number }>(granted, valuesOf(granted, of))
  return row?.granted ?? null
}
