import type { Alert, AlertChange, NewAlert } from '@outlast/sdk'
import { durationOf } from '../sessions/parts/duration.ts'
import { dollarsText } from '../shell/text/money.ts'

type Metric = Alert['metric']

/** Each metric: its label, the unit of its form, how many of the API's units that has. */
export const metrics: Record<Metric, { label: string; unit: string; size: number }> = {
  failed_turns: { label: 'Failed turns', unit: 'turns', size: 1 },
  failed_turn_share: { label: 'Share of failed turns', unit: '%', size: 0.01 },
  cost_usd: { label: 'Cost', unit: 'US dollars', size: 1 },
  waiting_seconds: { label: 'Wait for a person', unit: 'minutes', size: 60 },
  queue_seconds: { label: 'Wait in the queue', unit: 'minutes', size: 60 },
}

export const hasWindow = (metric: Metric) =>
  metric !== 'waiting_seconds' && metric !== 'queue_seconds'

type OptionalNumber = number | ''

/** An alert in its form. Numbers have the unit of the metric's form; times are in minutes. */
export type AlertDraft = {
  name: string
  metric: Metric
  agentId: string
  threshold: OptionalNumber
  resolveBelow: OptionalNumber
  window: OptionalNumber
  minTurns: OptionalNumber
  repeat: OptionalNumber
}

/** Rounds away what a conversion of units adds. */
const rounded = (value: number) => Number(value.toPrecision(12))
const divided = (value: number | null | undefined, size: number): OptionalNumber =>
  value == null ? '' : rounded(value / size)
const multiplied = (value: OptionalNumber, size: number) =>
  value === '' ? null : rounded(value * size)

export function alertDraft(stored: Alert | undefined): AlertDraft {
  const metric = stored?.metric ?? 'failed_turns'
  const { size } = metrics[metric]
  return {
    name: stored?.name ?? '',
    metric,
    agentId: stored?.agent_id ?? '',
    threshold: divided(stored?.threshold, size),
    resolveBelow: divided(stored?.resolve_below, size),
    window: stored ? divided(stored.window_seconds, 60) : 60,
    minTurns: stored?.min_turns ?? 10,
    repeat: divided(stored?.repeat_seconds, 60),
  }
}

export function alertChange(draft: AlertDraft): AlertChange & { name: string; threshold: number } {
  const { metric } = draft
  const { size } = metrics[metric]
  return {
    name: draft.name.trim(),
    threshold: multiplied(draft.threshold, size) ?? 0,
    resolve_below: multiplied(draft.resolveBelow, size),
    repeat_seconds: multiplied(draft.repeat, 60),
    ...(hasWindow(metric) && { window_seconds: multiplied(draft.window, 60) ?? 0 }),
    ...(metric === 'failed_turn_share' && { min_turns: draft.minTurns || 1 }),
  }
}

export const newAlert = (draft: AlertDraft): NewAlert => ({
  metric: draft.metric,
  ...alertChange(draft),
  ...(draft.agentId !== '' && { agent_id: draft.agentId }),
})

/** A value of a metric with its unit. */
export function valueText(metric: Metric, value: number): string {
  if (metric === 'cost_usd') return dollarsText(value)
  if (metric === 'failed_turn_share') return `${rounded(Math.round(value * 1_000) / 10)} %`
  if (metric === 'failed_turns') return value === 1 ? '1 turn' : `${value} turns`
  return durationOf(value * 1_000)
}

/** The rule of an alert in words. */
export function ruleText({ metric, threshold, window_seconds }: Alert): string {
  const within = window_seconds === null ? '' : ` within ${durationOf(window_seconds * 1_000)}`
  return `${metrics[metric].label} of at least ${valueText(metric, threshold)}${within}`
}
