/** Data of the events about budgets, and what a turn that waits for one has in addition. */
import { Type } from 'typebox'
import { Timestamp } from '../core/id.ts'
import { optional } from '../core/shape.ts'

export const budgetIdOf = (description: string) =>
  Type.String({ description, examples: ['bdgt_01933b5a000070008000000000000001'] })

const state = {
  budget_id: budgetIdOf('Id of the budget.'),
  currency: Type.String({
    description: 'Currency of the amounts: `usd`, `tokens` or `credits` of 1,000 tokens.',
    examples: ['usd'],
  }),
  balance: Type.Number({
    description:
      'Amount that is left without open reservations. Negative if a provider reported more than it was asked for.',
  }),
  limit: Type.Number({ description: 'Limit of the budget.' }),
  soft_limit: Type.Optional(Type.Number({ description: 'Amount used that leads to a warning.' })),
  message: Type.Optional(Type.String({ description: 'The reason as a sentence.' })),
}

export const BudgetWarningData = Type.Object(state, {
  title: 'BudgetWarningData',
  description:
    'Appended once per period when the soft limit is reached, and once when 20 % or less of the budget is left.',
})

export const BudgetExhaustedData = Type.Object(
  {
    ...state,
    is_final: Type.Optional(
      Type.Boolean({
        description:
          'True if the turn does not wait: `turn.failed` follows. Absent if it waits, and in old events.',
      }),
    ),
  },
  {
    title: 'BudgetExhaustedData',
    description:
      'Appended when a model call does not fit into the budget. The turn waits until the budget has more, or fails if the budget says so.',
  },
)

export const BudgetPausedData = Type.Object(state, {
  title: 'BudgetPausedData',
  description: 'Appended when a turn waits because a person has paused the budget.',
})

export const BudgetResumedData = Type.Object(
  { budget_id: state.budget_id },
  {
    title: 'BudgetResumedData',
    description: 'Appended when a turn that waited for a budget continues.',
  },
)

/** What `waiting_for` has only while a turn waits for a budget. */
export const budgetWait = {
  budget_id: Type.Optional(budgetIdOf('Budget that the turn waits for. Only with `budget`.')),
  needed: Type.Optional(
    Type.Number({
      description:
        'Amount that the budget must have left so that the turn continues, in its currency. Only with `budget`.',
    }),
  ),
  least: Type.Optional(
    Type.Number({
      description:
        'Amount that is enough, with a shorter reply, while no other call uses the budget. Only with `budget`.',
    }),
  ),
  resets_at: optional(Timestamp, 'End of the period of the budget. Only with `budget`.'),
}
