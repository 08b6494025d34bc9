/** An event about a model call that does not fit into a budget. */
export type BlockEvent = {
  type: 'budget.exhausted' | 'budget.paused'
  data: { budget_id: string }
  sequence: number
}

/** Why a model call waits: the latest event that the log has about it. */
export type BudgetBlock = {
  type: BlockEvent['type']
  budgetId: string
  /** The sequence of the first such event since the turn last called a model. */
  since: number
}

export const blockedBy = (
  { type, data, sequence }: BlockEvent,
  before: BudgetBlock | undefined,
): BudgetBlock => ({ type, budgetId: data.budget_id, since: before?.since ?? sequence })
