import type { Budget, BudgetChange, BudgetPeriod } from '@outlast/sdk'
import { type Context, defineCommand, type Noun } from '../../core/command.ts'
import { exitCodes } from '../../core/failure.ts'
import type { Flags } from '../../core/flags.ts'
import {
  amountIfGiven,
  amountOf,
  periodFlags,
  periodOf,
  subjectFlags,
  subjectIn,
  subjectOf,
} from '../../input/budget-input.ts'
import { changeOf, given } from '../../input/change.ts'
import { deletion } from '../../input/deletion.ts'
import { countIfGiven } from '../../input/list.ts'
import { listIn } from '../../output/rows.ts'
import { ago, moment } from '../../output/time.ts'

const budget = ['<budget-id>'] as const

const subjectText = ({ subject_type, subject_id }: Budget) =>
  subject_type === 'organization' ? subject_type : `${subject_type} ${subject_id}`

function periodText(period: BudgetPeriod | null | undefined): string {
  if (!period) return 'none'
  if (period.type === 'calendar') return `each ${period.unit} (${period.time_zone ?? 'UTC'})`
  return period.type === 'rolling' ? `each ${period.window}` : `each ${period.seconds} s`
}

const list = defineCommand({
  summary: 'list budgets and their balance',
  flags: subjectFlags,
  async run({ outlast, out, signal }, { flags }) {
    const rows = listIn(await outlast.budgets.list(subjectIn(flags) ?? {}, { signal }))
    await out.list(
      rows,
      [
        { title: 'ID', value: ({ id }) => id },
        { title: 'FOR', value: subjectText, isFlexible: true },
        { title: 'LEFT', value: ({ balance }) => balance },
        { title: 'OF', value: ({ limit, currency }) => `${limit} ${currency}` },
        { title: 'PERIOD', value: ({ period }) => periodText(period), isExtra: true },
        { title: 'STATUS', value: ({ status }) => status },
      ],
      { empty: 'No budgets match. `outlast budgets create` creates one.' },
    )
  },
})

async function show({ out }: Context, budget: Budget): Promise<void> {
  const { currency } = budget
  await out.item(budget, {
    ID: budget.id,
    For: subjectText(budget),
    Status: budget.status,
    Left: `${budget.balance} ${currency}`,
    Reserved: `${budget.reserved} ${currency}`,
    Limit: `${budget.limit} ${currency}`,
    'Soft limit': budget.soft_limit,
    Period: periodText(budget.period),
    Since: moment(budget.period_started_at),
    'When used up': budget.on_exhausted === 'fail' ? 'turns fail' : 'turns wait',
    Created: moment(budget.created_at),
  })
}

const get = defineCommand({
  summary: 'show a budget',
  positionals: budget,
  async run(context, { words }) {
    const { outlast, signal } = context
    await show(context, await outlast.budgets.get(words[0]!, { signal }))
  },
})

const limitFlags = {
  'soft-limit': { type: 'string', value: 'AMOUNT', about: 'used amount that sends a warning' },
  'on-exhausted': {
    type: 'string',
    choices: ['wait', 'fail'],
    value: 'WHAT',
    about: 'outcome of a turn that does not fit (wait)',
  },
} as const satisfies Flags

const countedCurrencies = ['usd', 'tokens', 'credits']

const create = defineCommand({
  summary: 'limit the use of model calls, by default of the organization',
  more: 'Example: outlast budgets create 50 usd --agent Support --per month --timezone Europe/Kyiv',
  positionals: ['<limit>', '<currency>'],
  flags: { ...subjectFlags, ...periodFlags, ...limitFlags },
  async run(context, { words, flags }) {
    const { outlast, out, signal } = context
    const [limit, currency] = words as [string, string]
    const body = {
      ...(await subjectOf(context, flags)),
      currency,
      limit: amountOf(limit, 'The limit'),
      ...given({
        period: periodOf(flags),
        soft_limit: amountIfGiven(flags['soft-limit'], '--soft-limit'),
        on_exhausted: flags['on-exhausted'],
      }),
    }
    const made = await outlast.budgets.create(body, { signal })
    if (!countedCurrencies.includes(made.currency)) {
      out.note(`Model calls do not use ${made.currency}. They use ${countedCurrencies.join(', ')}.`)
    }
    await out.done(made, `Created budget ${made.id} (${made.limit} ${made.currency}).`)
  },
})

const update = defineCommand({
  summary: 'update the limits of a budget',
  positionals: budget,
  flags: {
    limit: { type: 'string', value: 'AMOUNT', about: 'new limit' },
    ...limitFlags,
    'no-soft-limit': { type: 'boolean', about: 'remove the soft limit' },
  },
  async run({ outlast, out, signal }, { words, flags }) {
    const change = changeOf<BudgetChange>({
      ...given({
        limit: amountIfGiven(flags.limit, '--limit'),
        soft_limit: amountIfGiven(flags['soft-limit'], '--soft-limit'),
        on_exhausted: flags['on-exhausted'],
      }),
      ...(flags['no-soft-limit'] && { soft_limit: null }),
    })
    const changed = await outlast.budgets.update(words[0]!, change, { signal })
    await out.done(changed, sentenceOf(changed))
  },
})

const sentenceOf = ({ id, status, balance, currency }: Budget) =>
  `Budget ${id} is ${status}, with ${balance} ${currency} left.`

const settingStatus = (summary: string, status: 'active' | 'paused') =>
  defineCommand({
    summary,
    positionals: budget,
    async run({ outlast, out, signal }, { words }) {
      const changed = await outlast.budgets.update(words[0]!, { status }, { signal })
      await out.done(changed, sentenceOf(changed))
    },
  })

const topUp = defineCommand({
  summary: 'add to the balance; waiting turns continue',
  positionals: ['<budget-id>', '<amount>'],
  flags: { reason: { type: 'string', value: 'TEXT', about: 'reason, for the ledger' } },
  async run({ outlast, out, signal }, { words, flags }) {
    const [id, amount] = words as [string, string]
    const body = { amount: amountOf(amount, 'The amount'), ...given({ description: flags.reason }) }
    const changed = await outlast.budgets.topUp(id, body, { signal })
    await out.done(changed, sentenceOf(changed))
  },
})

const ledger = defineCommand({
  summary: 'list the entries of a budget, the newest first',
  positionals: budget,
  flags: {
    limit: { type: 'string', short: 'n', value: 'N', about: 'maximum number of entries (50)' },
  },
  async run({ outlast, out, signal }, { words, flags }) {
    const limit = countIfGiven(flags.limit, '--limit')
    const rows = await outlast.budgets.ledger(words[0]!, given({ limit }), { signal })
    await out.list(
      listIn(rows),
      [
        { title: 'WHEN', value: ({ created_at }) => ago(created_at) },
        { title: 'KIND', value: ({ kind }) => kind },
        { title: 'AMOUNT', value: ({ amount }) => amount },
        { title: 'RESERVED', value: ({ reserved }) => reserved, isExtra: true },
        { title: 'SESSION', value: ({ session_id }) => session_id },
        { title: 'REASON', value: ({ description }) => description, isFlexible: true },
      ],
      { empty: 'No entries yet.' },
    )
  },
})

const check = defineCommand({
  summary: 'check whether a model call could begin; exit code 1 if not',
  positionals: budget,
  async run({ outlast, out, signal }, { words }) {
    const result = await outlast.budgets.check(words[0]!, { signal })
    await out.done(result, result.message ?? 'Model calls can begin.')
    return ['pause', 'stop'].includes(result.action) ? exitCodes.failed : undefined
  },
})

export const budgets: Noun = {
  list,
  get,
  create,
  update,
  delete: deletion({
    summary: 'delete a budget; its ledger stays',
    positional: '<budget-id>',
    question: (id) => `Delete budget ${id}?`,
    sentence: (id) => `Deleted budget ${id}.`,
    remove: (outlast, id, options) => outlast.budgets.delete(id, options),
  }),
  'top-up': topUp,
  pause: settingStatus('stop model calls until the budget is resumed', 'paused'),
  resume: settingStatus('resume a paused or deleted budget', 'active'),
  ledger,
  check,
}
