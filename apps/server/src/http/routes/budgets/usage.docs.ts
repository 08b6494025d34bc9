import type { DocsTable } from '../../core/docs.ts'

export const usageDocs = {
  get_usage: {
    tag: 'Budgets',
    summary: 'Report usage and cost',
    description:
      'Sums the tokens and the cost of all model calls of the organization in a period, by day, agent, model, end user and key, in any combination. It reads one row per day and combination, independent of the number of sessions, and counts a call when its outcome is stored. Deleting a session or an agent changes no sum; deleting an end user moves the sums to `null`. Rows are kept for `USAGE_DAYS`.',
    sample: "const { data, sum } = await outlast.usage.report({ group_by: ['agent'] })",
  },
} as const satisfies DocsTable
