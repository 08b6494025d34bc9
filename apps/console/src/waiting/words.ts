import type { WaitingItem } from '@outlast/sdk'

type TypeWords = { one: string; plural: string }

/** What each type of entry is called. */
export const typeWords: Record<WaitingItem['type'], TypeWords> = {
  approval: { one: 'needs approval', plural: 'Approvals' },
  input: { one: 'needs answers', plural: 'Questions' },
  budget: { one: 'needs a budget', plural: 'Budgets' },
  sign_in: { one: 'needs a sign-in', plural: 'Sign-ins' },
}
