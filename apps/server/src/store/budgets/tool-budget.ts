import type { Budget } from '@outlast/contract'

/** A budget as tools read it: without ids, which a model could show to the user. */
export type ToolBudget = Pick<Budget, 'currency' | 'limit' | 'balance' | 'reserved' | 'status'> & {
  subject: Budget['subject_type']
}
