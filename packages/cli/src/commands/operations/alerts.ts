import type { Alert } from '@outlast/sdk'
import { defineCommand, type Given, type Noun } from '../../core/command.ts'
import { UsageError } from '../../core/failure.ts'
import type { Flags } from '../../core/flags.ts'
import { changeOf, given, stateFlags } from '../../input/change.ts'
import { deletion } from '../../input/deletion.ts'
import { countIfGiven, listFlags, take } from '../../input/list.ts'
import { ago, duration, moment } from '../../output/time.ts'

const metrics = [
  'failed_turns',
  'failed_turn_share',
  'cost_usd',
  'waiting_seconds',
  'queue_seconds',
] as const satisfies Alert['metric'][]

const ruleFlags = {
  threshold: { type: 'string', value: 'NUMBER', about: 'value at which it fires' },
  'resolve-below': {
    type: 'string',
    value: 'NUMBER',
    about: 'value below which it resolves (the threshold)',
  },
  window: { type: 'string', value: 'SECONDS', about: 'length of the window in seconds (3600)' },
  'min-turns': {
    type: 'string',
    value: 'N',
    about: 'turns that must have ended in the window, for failed_turn_share (10)',
  },
  repeat: {
    type: 'string',
    value: 'SECONDS',
    about: 'interval in seconds at which it is sent again (never)',
  },
} as const satisfies Flags

const rulesOf = (flags: Given<typeof ruleFlags>) =>
  given({
    threshold: numberIfGiven(flags.threshold, '--threshold'),
    resolve_below: numberIfGiven(flags['resolve-below'], '--resolve-below'),
    window_seconds: countIfGiven(flags.window, '--window'),
    min_turns: countIfGiven(flags['min-turns'], '--min-turns'),
    repeat_seconds: countIfGiven(flags.repeat, '--repeat'),
  })

const numberIfGiven = (text: string | undefined, flag: string) =>
  text === undefined ? undefined : numberOf(text, flag)

function numberOf(text: string, flag: string): number {
  if (!/^\d{1,9}(\.\d{1,9})?$/.test(text)) throw new UsageError(`${flag} must be a number.`)
  return Number(text)
}

const stateOfAlert = ({ enabled, state }: Alert) => (enabled ? state : 'disabled')

/** A value in the unit of its metric. */
function valueText(metric: Alert['metric'], value: number | null): string | undefined {
  if (typeof value !== 'number') return undefined
  if (metric === 'cost_usd') return `$${value.toFixed(value > 0 && value < 1 ? 4 : 2)}`
  if (metric === 'failed_turn_share') return `${Math.round(value * 1_000) / 10} %`
  if (metric === 'failed_turns') return String(value)
  return duration(value * 1_000)
}

const list = defineCommand({
  summary: 'list alerts with their states and values',
  flags: {
    ...listFlags,
    firing: { type: 'boolean', about: 'firing alerts only' },
  },
  async run({ outlast, out, signal }, { flags }) {
    const query = flags.firing ? { state: 'firing' as const } : {}
    const rows = take((page) => outlast.alerts.list({ ...query, ...page }, { signal }), flags)
    await out.list(
      rows,
      [
        { title: 'ID', value: ({ id }) => id },
        { title: 'NAME', value: ({ name }) => name, isFlexible: true },
        { title: 'METRIC', value: ({ metric }) => metric },
        { title: 'STATE', value: stateOfAlert },
        { title: 'VALUE', value: ({ metric, value }) => valueText(metric, value) },
        { title: 'FIRES AT', value: ({ metric, threshold }) => valueText(metric, threshold) },
      ],
      { empty: 'No alerts match. `outlast alerts create` creates one.' },
    )
  },
})

const get = defineCommand({
  summary: 'show an alert',
  positionals: ['<alert>'],
  async run({ outlast, out, signal }, { words }) {
    const alert = await outlast.alerts.get(words[0]!, { signal })
    const { metric } = alert
    await out.item(alert, {
      ID: alert.id,
      Name: alert.name,
      Metric: metric,
      Agent: alert.agent_id ?? 'all',
      State: stateOfAlert(alert),
      'Fires since': moment(alert.fired_at),
      Value: valueText(metric, alert.value),
      Evaluated: moment(alert.evaluated_at) ?? 'not yet',
      'Fires at': valueText(metric, alert.threshold),
      'Resolves below': valueText(metric, alert.resolve_below ?? alert.threshold),
      Window: () => alert.window_seconds && duration(alert.window_seconds * 1_000),
      'Turns at least': alert.min_turns,
      Repeated: () => (alert.repeat_seconds ? `every ${alert.repeat_seconds} s` : 'never'),
      Created: moment(alert.created_at),
    })
  },
})

const create = defineCommand({
  summary: 'create an alert, which webhooks receive',
  more: "Example: outlast alerts create 'Cost of a day' --metric cost_usd --threshold 50 --window 86400",
  positionals: ['<name>'],
  flags: {
    metric: {
      type: 'string',
      choices: metrics,
      value: 'METRIC',
      isNeeded: true,
      about: 'measured value',
    },
    agent: { type: 'string', short: 'a', value: 'AGENT', about: 'agent that counts (all)' },
    ...ruleFlags,
    threshold: { ...ruleFlags.threshold, isNeeded: true },
  },
  async run({ outlast, out, signal }, { words, flags }) {
    const { metric } = flags
    const threshold = numberOf(flags.threshold, '--threshold')
    const rules = { ...rulesOf(flags), ...given({ agent_id: flags.agent }), threshold }
    const body = { name: words[0]!, metric, ...rules }
    const alert = await outlast.alerts.create(body, { signal })
    await out.done(alert, `Created alert ${alert.id} (${alert.name}).`)
  },
})

const update = defineCommand({
  summary: 'update an alert',
  more: 'An alert that is disabled while it fires resolves.',
  positionals: ['<alert>'],
  flags: {
    ...ruleFlags,
    ...stateFlags,
    name: { type: 'string', value: 'NAME', about: 'name' },
    'no-repeat': { type: 'boolean', about: 'send it once' },
  },
  async run({ outlast, out, signal }, { words, flags }) {
    const change = changeOf({
      ...rulesOf(flags),
      ...given({ name: flags.name }),
      ...(flags['no-repeat'] && { repeat_seconds: null }),
      ...(flags.enable && { enabled: true }),
      ...(flags.disable && { enabled: false }),
    })
    const alert = await outlast.alerts.update(words[0]!, change, { signal })
    await out.done(alert, `Changed alert ${alert.id} (${alert.name}).`)
  },
})

const firings = defineCommand({
  summary: 'list when an alert fired, the newest first',
  positionals: ['<alert>'],
  flags: listFlags,
  async run({ outlast, out, signal }, { words, flags }) {
    const { id, metric } = await outlast.alerts.get(words[0]!, { signal })
    const rows = take((page) => outlast.alerts.listFirings(id, page, { signal }), flags)
    await out.list(
      rows,
      [
        { title: 'FIRED', value: ({ fired_at }) => ago(fired_at) },
        { title: 'RESOLVED', value: ({ resolved_at }) => ago(resolved_at) ?? 'not yet' },
        { title: 'VALUE', value: ({ value }) => valueText(metric, value) },
        { title: 'THRESHOLD', value: ({ threshold }) => valueText(metric, threshold) },
        { title: 'SENT', value: ({ notifications }) => notifications, isExtra: true },
      ],
      { empty: 'It has not fired.' },
    )
  },
})

export const alerts: Noun = {
  list,
  get,
  create,
  update,
  delete: deletion({
    summary: 'delete an alert and its firings',
    positional: '<alert>',
    question: (label) => `Delete alert ${label}?`,
    sentence: (id) => `Deleted alert ${id}.`,
    remove: (outlast, id, options) => outlast.alerts.delete(id, options),
  }),
  firings,
}
