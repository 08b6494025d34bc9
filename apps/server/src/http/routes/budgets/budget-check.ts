import type { BudgetCheckResult } from '@outlast/contract'
import type { CheckedBudget } from '../../../store/budgets/budgets.ts'

type BudgetAction = BudgetCheckResult['action']

/** Actions with the least restrictive one first. */
const actions: readonly BudgetAction[] = ['continue', 'warn', 'pause', 'stop']
/** The part of its total that a budget has left when it begins to warn. */
const warnShare = 0.2

const nothing = {
  budget_id: null,
  balance: null,
  currency: null,
  message: null,
  error_code: null,
  error_fields: null,
}

export const unlimited: BudgetCheckResult = { action: 'continue', ...nothing }

/**
 * Whether all these budgets would let a model call begin, by the most restrictive of them.
 * `awaitedId`: the budget that a turn waits for, because its next call does not fit.
 */
export function checkBudgets(
  budgets: readonly CheckedBudget[],
  awaitedId?: string,
): BudgetCheckResult {
  const actionOf = (budget: CheckedBudget) => actionFor(budget, budget.id === awaitedId)
  const [first] = [...budgets]
    .filter(binds)
    .sort(
      (a, b) =>
        actions.indexOf(actionOf(b)) - actions.indexOf(actionOf(a)) ||
        left(a) / a.total - left(b) / b.total,
    )
  if (!first) return unlimited
  const { id, balance, currency, limit } = first
  const action = actionOf(first)
  const about = { action, budget_id: id, balance, currency }
  if (action === 'continue') return { ...nothing, ...about }
  return {
    ...about,
    message: messages[action](first),
    error_code: codes[action] ?? null,
    error_fields: { balance, limit, currency },
  }
}

const binds = ({ status }: CheckedBudget) => status !== 'disabled'

/** The amount for a new call: open reservations may be used up. */
const left = ({ balance, reserved }: CheckedBudget) => balance - reserved

function actionFor(budget: CheckedBudget, isAwaited: boolean): BudgetAction {
  const { status, total, balance } = budget
  if (status === 'paused') return 'pause'
  if (status === 'exhausted' || isAwaited || left(budget) <= 0) return 'stop'
  return balance <= total * warnShare ? 'warn' : 'continue'
}

const codes: Partial<Record<BudgetAction, 'budget_paused' | 'budget_exhausted'>> = {
  pause: 'budget_paused',
  stop: 'budget_exhausted',
}

const messages = {
  warn: ({ balance, total, currency }: CheckedBudget) =>
    `${balance} of ${total} ${currency} are left.`,
  pause: () => 'The budget is paused. An administrator can resume it.',
  stop: ({ balance, total, currency }: CheckedBudget) =>
    `${balance} of ${total} ${currency} are left, too little for a call. An administrator can add to it.`,
} satisfies Partial<Record<BudgetAction, (budget: CheckedBudget) => string>>
