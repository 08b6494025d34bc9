import type { UsageQuery, UsageReport } from '@outlast/sdk'
import { defineCommand, type Noun } from '../../core/command.ts'
import { given } from '../../input/change.ts'
import { countIfGiven } from '../../input/list.ts'
import { listIn } from '../../output/rows.ts'
import type { Column } from '../../output/table.ts'

type Row = UsageReport['data'][number]

const dollars = (cost: number | null | undefined) =>
  typeof cost === 'number' ? `$${cost.toFixed(cost < 1 ? 4 : 2)}` : undefined

const groups = {
  day: { title: 'DAY', value: ({ day }) => day },
  agent: { title: 'AGENT', value: ({ agent_id }) => agent_id },
  model: { title: 'MODEL', value: ({ model }) => model, isFlexible: true },
  user: { title: 'USER', value: ({ user }) => user, isFlexible: true },
  key: { title: 'KEY', value: ({ key_id }) => key_id },
} as const satisfies Record<string, Column<Row>>

const sums: Column<Row>[] = [
  { title: 'CALLS', value: ({ model_calls }) => model_calls },
  { title: 'IN', value: ({ input_tokens }) => input_tokens },
  { title: 'OUT', value: ({ output_tokens }) => output_tokens },
  { title: 'CACHED', value: ({ cache_read_tokens }) => cache_read_tokens, isExtra: true },
  { title: 'COST', value: ({ cost_usd }) => dollars(cost_usd) },
]

export const usage: Noun = {
  '': defineCommand({
    summary: 'show the tokens and the cost of model calls in a period',
    more: 'Example: outlast usage --by agent --by model --from 2026-11-01',
    flags: {
      by: {
        type: 'string',
        multiple: true,
        choices: ['day', 'agent', 'model', 'user', 'key'],
        value: 'WHAT',
        about: 'group of a row: day, agent, model, user or key (day)',
      },
      from: { type: 'string', value: 'DAY', about: 'first day in UTC (29 days before --to)' },
      to: { type: 'string', value: 'DAY', about: 'last day in UTC (today)' },
      agent: { type: 'string', value: 'AGENT', about: 'only this agent' },
      model: { type: 'string', value: 'NAME', about: "only this model, by the provider's name" },
      user: { type: 'string', value: 'USER', about: 'only this end user of your product' },
      limit: { type: 'string', short: 'n', value: 'N', about: 'maximum number of rows (100)' },
    },
    async run({ outlast, out, signal }, { flags }) {
      const { from, to, agent, model, user } = flags
      const group_by = (flags.by.length > 0 ? flags.by : ['day']) as UsageQuery['group_by']
      const limit = countIfGiven(flags.limit, '--limit')
      const query = { group_by, ...given({ from, to, agent_id: agent, model, user, limit }) }
      const report = await outlast.usage.report(query, { signal })
      if (out.mode === 'json') return out.json(report)
      const shown = listIn(report.group_by).map((group) => groups[group])
      await out.list(listIn(report.data), [...shown, ...sums], {
        empty: 'No model calls in this period.',
      })
      const cost = dollars(report.sum?.cost_usd) ?? 'unknown'
      out.note(
        `Sum from ${report.from} to ${report.to}: ${report.sum?.model_calls} calls, ${cost}.`,
      )
    },
  }),
}
