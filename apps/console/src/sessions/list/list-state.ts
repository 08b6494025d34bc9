import type { SessionFilter } from '../../queries/sessions.ts'
import type { SessionsSearch } from '../../search.ts'

/** Filters by the states that rows show. */
const byState: Record<NonNullable<SessionsSearch['status']>, SessionFilter> = {
  started: { status: 'started' },
  active: { status: 'active' },
  waiting: { waiting: true },
  idle: { status: 'idle' },
  failed: { outcome: 'failed' },
}

const searchLengthMax = 200

/** Returns what the API searches. The last word may be the beginning of one, if there is room. */
export const searchTextOf = (text: string) =>
  /["*]$/.test(text) || text.length >= searchLengthMax ? text : `${text}*`

/** Filters that the button Filters opens. */
export const furtherFilters = ['user', 'model', 'feedback', 'cost', 'since', 'until'] as const

/** Changes filters in the URL. */
export type SetFilters = (change: SessionsSearch) => unknown

const dayMs = 86_400_000

/**
 * The beginning of a day, or of the day after it. In UTC like the days of usage, so that a URL
 * lists the same sessions everywhere.
 */
const startOf = (day: string, later = 0) => new Date(Date.parse(day) + later * dayMs).toISOString()

/** Returns the query of the API for the state in the URL. */
export function filterOf(search: SessionsSearch): SessionFilter {
  const { search: words, status, agent, tag, user, model, feedback, cost, since, until } = search
  const { sort, order } = search
  return {
    ...(words && { q: searchTextOf(words) }),
    ...(status && byState[status]),
    ...(agent && { agent_id: agent }),
    ...(tag && { tag }),
    ...(user && { user }),
    ...(model && { model_id: model }),
    ...(feedback && { feedback }),
    ...(cost !== undefined && { cost_above: cost }),
    ...(since && { since: startOf(since) }),
    ...(until && { until: startOf(until, 1) }),
    // A search lists the newest first.
    ...(!words && sort && { sort }),
    ...(!words && order && { order }),
  }
}

/** Columns beside the name of the session, in their order, with their widths in pixels. */
export const sessionColumns = [
  { id: 'agent', head: 'Agent', width: 160 },
  { id: 'user', head: 'User', width: 140, isExtra: true },
  { id: 'model', head: 'Model', width: 160, isExtra: true },
  { id: 'status', head: 'Status', width: 136 },
  { id: 'usage', head: 'Usage', width: 152, sort: 'cost' },
  { id: 'activity', head: 'Last activity', width: 112, sort: 'last_activity', isExtra: true },
  { id: 'created', head: 'Created', width: 104, sort: 'created_at' },
] as const satisfies {
  id: string
  head: string
  width: number
  sort?: NonNullable<SessionFilter['sort']>
  isExtra?: boolean
}[]

export type SessionColumn = (typeof sessionColumns)[number]
