import { Type } from 'typebox'
import { defineCapability, defineTool } from './capability.ts'

const strict = Type.Object({}, { additionalProperties: false })

export const budgeting = defineCapability({
  id: 'budgeting',
  name: 'Budgeting',
  description: 'Gives the model the balance of the budgets of its session.',
  category: 'Utilities',
  icon: 'coins',
  status: 'available',
  config: strict,
  sessionRules: {},
  prompt: () =>
    'Your model calls use budgets. Before long work, call check_budget, and do the most important part first if little is left.',
  tools: () => [
    defineTool({
      name: 'check_budget',
      description:
        'Returns the balance of each budget that applies to this session, in dollars or tokens. Without budgets the list is empty.',
      replay: 'safe',
      input: strict,
      run: async (_, { budgets }) => ({ budgets: await budgets() }),
    }),
  ],
})
