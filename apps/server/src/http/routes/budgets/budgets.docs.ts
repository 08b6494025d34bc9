import type { DocsTable } from '../../core/docs.ts'

const budget = 'bdgt_01933b5a000070008000000000000001'
const agent = 'agent_01933b5a000070008000000000000101'
const session = 'session_01933b5a000070008000000000000001'

export const budgetDocs = {
  list_budgets: {
    tag: 'Budgets',
    summary: 'List budgets',
    description:
      'Returns the budgets of the organization as a bare array, newest first, without deleted ones. It has at most 1,000 budgets: read further ones with `offset`.',
    sample: `const budgets = await outlast.budgets.list({ subject_type: 'agent' })`,
  },
  create_budget: {
    tag: 'Budgets',
    summary: 'Create a budget',
    description:
      'Limits the cost or the tokens of the model calls of one subject. Before each call, the most that it can cost is reserved from all budgets that apply to it: those of its organization, agent, session, end user and agent channel, and of the API key and the account that created the session. A call that does not fit waits or fails, by `on_exhausted`. An organization has at most `BUDGETS_MAX` budgets. Calls that have begun are not counted.',
    errors: ['not_found', 'invalid_id', 'quota_exceeded'],
    sample: `const budget = await outlast.budgets.create({ subject_type: 'agent', subject_id: '${agent}', currency: 'usd', limit: 50 })`,
  },
  get_budget: {
    tag: 'Budgets',
    summary: 'Get a budget',
    description:
      'Returns a budget with its balance, also a deleted one. If its period is over, it is shown as the next use will find it.',
    sample: `const { balance } = await outlast.budgets.get('${budget}')`,
  },
  update_budget: {
    tag: 'Budgets',
    summary: 'Update a budget',
    description:
      'Changes the limit, the soft limit, the status, `on_exhausted` or the metadata. With a higher limit or the status `active`, turns that wait for the budget continue. With a lower limit, running calls end normally.',
    sample: `const budget = await outlast.budgets.update('${budget}', { limit: 80 })`,
  },
  delete_budget: {
    tag: 'Budgets',
    summary: 'Delete a budget',
    description:
      'Sets the status to `disabled`: the budget applies to no call, and turns that wait for it continue. It can still be read with its ledger, and `status: active` restores it.',
    sample: `await outlast.budgets.delete('${budget}')`,
  },
  top_up_budget: {
    tag: 'Budgets',
    summary: 'Top up a budget',
    description:
      'Adds to the balance of the current period, with an entry in the ledger. Turns that wait for the budget continue. A paused budget stays paused. Retry it with an `Idempotency-Key`, so that it adds once.',
    errors: ['budget_disabled'],
    sample: `const { balance } = await outlast.budgets.topUp('${budget}', { amount: 25 })`,
  },
  list_budget_ledger: {
    tag: 'Budgets',
    summary: 'List ledger entries',
    description:
      'Returns the entries of a budget as a bare array, newest first: model calls with the reserved and the used amount, top-ups, and ends of periods. Entries are kept for `BUDGET_LEDGER_DAYS`; the balance does not depend on them.',
    sample: `const entries = await outlast.budgets.ledger('${budget}', { limit: 100 })`,
  },
  check_budget: {
    tag: 'Budgets',
    summary: 'Check a budget',
    description:
      'Returns whether the budget would let a model call begin now. It reserves nothing: the next call may find less.',
    sample: `const { action } = await outlast.budgets.check('${budget}')`,
  },
  list_session_budgets: {
    tag: 'Budgets',
    summary: 'List the budgets of a session',
    description:
      'Returns all budgets that apply to the model calls of a session as a bare array, newest first. A token gets only those of its session and of its end user, without metadata.',
    sample: `const budgets = await outlast.sessions.budgets('${session}')`,
  },
  check_session_budgets: {
    tag: 'Budgets',
    summary: 'Check the budgets of a session',
    description:
      'Returns whether all budgets of a session would let a model call begin now, by the most restrictive of them. A token gets the action without the amounts of a budget that it may not read.',
    sample: `const { action } = await outlast.sessions.budgetCheck('${session}')`,
  },
  resume_session: {
    tag: 'Budgets',
    summary: 'Resume the paused budgets of a session',
    description:
      'Makes the paused budgets that apply to a session active, also for other sessions. Turns that wait for them continue. Exhausted budgets stay exhausted: they need a top-up, a higher limit or a new period.',
    sample: `const { resumed_budgets } = await outlast.sessions.resume('${session}')`,
  },
} as const satisfies DocsTable
