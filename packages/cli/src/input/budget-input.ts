import type { BudgetPeriod, NewBudget } from '@outlast/sdk'
import type { Context, Given } from '../core/command.ts'
import { UsageError } from '../core/failure.ts'
import type { Flags } from '../core/flags.ts'

/** Flags that name the subject of a budget. None: the organization. */
export const subjectFlags = {
  agent: { type: 'string', value: 'AGENT', about: 'model calls of this agent' },
  session: { type: 'string', value: 'SESSION', about: 'model calls of this session' },
  'end-user': { type: 'string', value: 'ID', about: 'sessions of this user of your product' },
  member: { type: 'string', value: 'USER_ID', about: 'sessions that this account created' },
  key: { type: 'string', value: 'KEY', about: 'sessions that this API key created' },
  channel: { type: 'string', value: 'CHANNEL_ID', about: 'sessions of this agent channel' },
} as const satisfies Flags

const subjects = {
  agent: 'agent',
  session: 'session',
  'end-user': 'end_user',
  member: 'user',
  key: 'api_key',
  channel: 'agent_channel',
} as const satisfies Record<keyof typeof subjectFlags, NewBudget['subject_type']>

/** The subject that flags name. Contract: throws a UsageError for more than one. */
export function subjectIn(flags: Given<typeof subjectFlags>) {
  const names = Object.keys(subjects) as (keyof typeof subjects)[]
  const [name, ...others] = names.filter((name) => flags[name] !== undefined)
  if (others.length > 0) throw new UsageError(`Use one of --${name} and --${others[0]}.`)
  if (name === undefined) return undefined
  return { subject_type: subjects[name], subject_id: flags[name]! }
}

/** The subject that flags name, else the organization in use. */
export async function subjectOf(
  { outlast, profile, signal }: Context,
  flags: Given<typeof subjectFlags>,
) {
  const named = subjectIn(flags)
  if (named) return named
  const org = profile.org_id ?? (await outlast.auth.getMe({ signal })).organization_id
  return { subject_type: 'organization' as const, subject_id: org ?? '' }
}

export const periodFlags = {
  per: {
    type: 'string',
    choices: ['hour', 'day', 'week', 'month', 'year'],
    value: 'UNIT',
    about: 'begin again each hour, day, week, month or year',
  },
  timezone: { type: 'string', value: 'ZONE', about: 'time zone of --per, as Europe/Kyiv (UTC)' },
  every: { type: 'string', value: 'TIME', about: 'begin again after a time: 30m, 5h or 7d' },
} as const satisfies Flags

/** The period that flags name; undefined: the budget never begins again. */
export function periodOf(flags: Given<typeof periodFlags>): BudgetPeriod | undefined {
  const { per, every, timezone } = flags
  if (per !== undefined && every !== undefined)
    throw new UsageError('Use one of --per and --every.')
  if (timezone !== undefined && per === undefined) throw new UsageError('--timezone needs --per.')
  if (every !== undefined) return { type: 'rolling', window: every }
  if (per === undefined) return undefined
  return { type: 'calendar', unit: per, ...(timezone !== undefined && { time_zone: timezone }) }
}

/** Contract: throws a UsageError for a text that is not a positive number. */
export function amountOf(text: string, name: string): number {
  const amount = Number(text)
  if (/^\d+(\.\d+)?$/.test(text) && amount > 0) return amount
  throw new UsageError(`${name} must be a number above 0, such as 12.5.`)
}

export const amountIfGiven = (text: string | undefined, name: string) =>
  text === undefined ? undefined : amountOf(text, name)
