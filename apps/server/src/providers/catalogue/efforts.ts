import {
  type ReasoningEffort,
  type ReasoningEffortConfig,
  reasoningEfforts,
} from '@outlast/contract'
import type { CatalogueModel } from './form.ts'

const names: Record<ReasoningEffort, string> = {
  none: 'None',
  minimal: 'Minimal',
  low: 'Low',
  medium: 'Medium',
  high: 'High',
  xhigh: 'Extra high',
}

/** `values` applies when the catalogue has none. `canBeOff`: the vendor also accepts `none`. */
type Rule = {
  models: RegExp
  default: ReasoningEffort
  values?: readonly ReasoningEffort[]
  canBeOff?: boolean
}

const budgets = ['low', 'medium', 'high'] as const

/** Data that no catalogue has: default efforts, and efforts of models with a thinking budget. */
const rules: readonly Rule[] = [
  { models: /codex/, default: 'medium' },
  { models: /^gpt-5\.[1-4](-|$)/, default: 'none' },
  { models: /^(gpt|o\d|chat)/, default: 'medium' },
  { models: /^claude-(fable|mythos)|^claude-(opus|sonnet)-5-5/, default: 'high' },
  { models: /^claude-(opus|sonnet|haiku)-5/, default: 'high', canBeOff: true },
  { models: /^claude/, default: 'none', values: budgets, canBeOff: true },
  { models: /^gemini-2\.5-pro/, default: 'medium', values: budgets },
  { models: /^gemini-2\.5-flash-lite/, default: 'none', values: budgets, canBeOff: true },
  { models: /^gemini-2\.5/, default: 'medium', values: budgets, canBeOff: true },
  { models: /^gemini-3(\.1)?-/, default: 'high' },
  { models: /^gemini/, default: 'medium' },
]

/**
 * Returns a model's reasoning efforts; undefined when it does not reason or has no such setting.
 */
export function effortsOf(model: CatalogueModel): ReasoningEffortConfig | undefined {
  const rule = model.reasoning ? rules.find(({ models }) => models.test(model.id)) : undefined
  if (!rule) return undefined
  const own = model.reasoning_options?.find(({ type }) => type === 'effort')?.values
  const wanted = new Set<string>(own ?? rule.values)
  if (rule.canBeOff && wanted.size > 0) wanted.add('none')
  const values = reasoningEfforts.filter((effort) => wanted.has(effort))
  const [first] = values
  if (first === undefined) return undefined
  return {
    default: values.includes(rule.default) ? rule.default : first,
    values: values.map((value) => ({ name: names[value], value })),
  }
}
