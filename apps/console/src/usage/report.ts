import type { UsageReport } from '@outlast/sdk'
import type { SessionsSearch, UsageSearch } from '../search.ts'

export type UsageSums = UsageReport['sum']
export type UsageGroup = NonNullable<UsageSearch['by']>
export type UsagePeriod = { from: string; to: string }

const dayMs = 86_400_000
export const daysDefault = 30

const dayOf = (ms: number) => new Date(ms).toISOString().slice(0, 'yyyy-mm-dd'.length)
const dayAfter = (day: string, days: number) => dayOf(Date.parse(day) + days * dayMs)

/** The server keeps sums of so many days by default. */
const keptDays = 400

/** The days of a period in UTC, and the equally long period before, unless it is not stored. */
export function periodsOf({ days = daysDefault, day }: UsageSearch, nowMs: number) {
  const length = day ? 1 : days
  const to = day ?? dayOf(nowMs)
  const from = dayAfter(to, 1 - length)
  return {
    length,
    now: { from, to },
    ...(2 * length <= keptDays && {
      before: { from: dayAfter(from, -length), to: dayAfter(from, -1) },
    }),
  }
}

/** The days of a period, in order. */
export const daysOf = ({ from }: UsagePeriod, length: number) =>
  Array.from({ length }, (_, at) => dayAfter(from, at))

/** The group that is shown: of a single day, its agents. */
export const groupOf = ({ by, day }: UsageSearch): UsageGroup => by ?? (day ? 'agent' : 'day')

export type UsageRow = {
  /** Empty: no agent, model, end user or key. */
  id: string
  now: UsageSums
  /** Sums of the period before. Undefined: not known. */
  before: UsageSums | undefined
}

const none: UsageSums = {
  model_calls: 0,
  input_tokens: 0,
  output_tokens: 0,
  cache_read_tokens: 0,
  cache_creation_tokens: 0,
  cost_usd: 0,
}

type ReportRow = UsageReport['data'][number]

export const idOf = ({ day, agent_id, model, user, key_id }: ReportRow) =>
  day ?? agent_id ?? model ?? user ?? key_id ?? ''

/**
 * Joins the rows of a period with those of the period before: days by position, other groups by id.
 * Groups that were used only before come last. Days are returned newest first.
 */
export function usageRowsOf(now: UsageReport, before: UsageReport | undefined): UsageRow[] {
  const isByDay = now.group_by[0] === 'day'
  const length = (Date.parse(now.to) - Date.parse(now.from)) / dayMs + 1
  const earlier = new Map(
    before?.data.map((row) => {
      return [isByDay ? dayAfter(idOf(row), length) : idOf(row), row] as const
    }),
  )
  const isComplete = before !== undefined && before.data.length === before.total
  const rows = now.data.map((row): UsageRow => {
    const id = idOf(row)
    return { id, now: row, before: earlier.get(id) ?? (isComplete ? none : undefined) }
  })
  if (isByDay) return rows.reverse()
  if (now.data.length < now.total) return rows
  const known = new Set(rows.map(({ id }) => id))
  const gone = [...earlier].filter(([id]) => !known.has(id))
  return [...rows, ...gone.map(([id, row]) => ({ id, now: none, before: row }))]
}

/** The cost: 0 without calls, null if no price is known. */
export const costOf = ({ cost_usd, model_calls }: UsageSums) =>
  cost_usd ?? (model_calls === 0 ? 0 : null)

export const allTokensOf = ({ input_tokens, output_tokens }: UsageSums) =>
  input_tokens + output_tokens

/** A change as a text: `+12 %`, `new`. */
export function changeText(now: number | null, before: number | null | undefined): string {
  if (now === null || before == null) return '–'
  if (before === 0) return now === 0 ? '–' : 'new'
  const percent = Math.round(((now - before) / before) * 100)
  return `${percent > 0 ? '+' : percent < 0 ? '−' : '±'}${Math.abs(percent).toLocaleString('en')} %`
}

/**
 * The search of the page that explains a row: the sessions of an agent or an end user, or the
 * agents of a day, model or key.
 */
export function causeOf(search: UsageSearch, group: UsageGroup, id: string) {
  const { agent, user } = search
  const sessions = (found: SessionsSearch) => ({ sessions: { ...found, ...sessionSpan(search) } })
  if (id === '') return undefined
  if (group === 'agent') return sessions({ agent: id, ...(user && { user }) })
  if (group === 'user') return sessions({ user: id, ...(agent && { agent }) })
  return { usage: { ...search, by: 'agent', [group]: id } as UsageSearch }
}

/** All sessions of the report. Filters by model and key are not filters of sessions. */
export const sessionsOf = (search: UsageSearch): SessionsSearch => ({
  ...(search.agent && { agent: search.agent }),
  ...(search.user && { user: search.user }),
  ...sessionSpan(search),
})

function sessionSpan(search: UsageSearch) {
  const { from, to } = periodsOf(search, Date.now()).now
  return { since: from, until: to, sort: 'cost' as const }
}
