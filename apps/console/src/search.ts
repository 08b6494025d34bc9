import { panels } from './sessions/panels/panels.ts'

/** The router reads `42` and `true` as a number and a boolean. */
const text = (value: unknown) => {
  const isPlain = ['string', 'number', 'boolean'].includes(typeof value)
  return isPlain && value !== '' ? String(value) : undefined
}
const day = (value: unknown) => {
  const time = typeof value === 'string' ? Date.parse(value) : Number.NaN
  const isDay = !Number.isNaN(time) && new Date(time).toISOString().slice(0, 10) === value
  return isDay ? value : undefined
}
const flag = (value: unknown) => value === true || undefined
/** The router reads `0.50` and `1e3` as texts. */
const amount = (value: unknown) => {
  const number = typeof value === 'string' && value !== '' ? Number(value) : value
  return typeof number === 'number' && number >= 0 && Number.isFinite(number) ? number : undefined
}
const oneOf =
  <const T>(choices: readonly T[]) =>
  (value: unknown) =>
    choices.find((choice) => choice === value)

type Readers = Record<string, (value: unknown) => unknown>
/** Columns that are not shown as usual, separated by commas: `user`, or `-cost` if hidden. */
type Columns = { columns: typeof text }
type Read<Fields extends Readers> = { [Name in keyof Fields]?: ReturnType<Fields[Name]> }

/** Reads the query of a URL. Invalid values become undefined. */
const reader =
  <Fields extends Readers>(fields: Fields) =>
  (given: Record<string, unknown>) => {
    const found = Object.entries({ ...fields, columns: text }).map(([name, read]) => [
      name,
      read(given[name]),
    ])
    return Object.fromEntries(found) as Read<Fields & Columns>
  }

export const executionStatuses = ['pending', 'running', 'completed', 'failed', 'skipped'] as const
export const workflowStatuses = ['queued', 'running', 'waiting', 'failed'] as const

const sessionSorts = ['last_activity', 'cost'] as const

export const readSessionsSearch = reader({
  search: text,
  status: oneOf(['started', 'active', 'waiting', 'idle', 'failed']),
  agent: text,
  tag: text,
  user: text,
  model: text,
  /** The rating of a reply in it. */
  feedback: oneOf(['up', 'down', 'any']),
  /** Dollars that a session has cost at least. */
  cost: amount,
  /** The first and the last day of creation in UTC, as in 2026-11-25. */
  since: day,
  until: day,
  /** Absent: by creation. */
  sort: oneOf(sessionSorts),
  order: oneOf(['asc']),
  /** The form for a new session is open. */
  new: flag,
})

export const readSessionSearch = reader({
  panel: oneOf(panels),
  /** The message that a link points to. */
  message: text,
  /** The turn in the timeline. */
  turn: text,
  /** The open file. */
  file: text,
  /** Filters of the events: types, separated by commas, and a text. */
  types: text,
  find: text,
})

export const readWaitingSearch = reader({
  type: oneOf(['approval', 'input', 'budget', 'sign_in']),
  agent: text,
})

export const readAgentsSearch = reader({ search: text, importing: flag, sort: text })

export const readAgentSearch = reader({
  /** The panel beside the editor. */
  side: oneOf(['playground', 'preview', 'code']),
  /** The session of the playground. */
  session: text,
  /** A capability to add. */
  add: text,
})

export const readCapabilitiesSearch = reader({
  search: text,
  category: text,
  open: text,
  sort: text,
})

export const readProvidersSearch = reader({
  sort: text,
  tab: oneOf(['models', 'providers']),
  search: text,
  provider: text,
  takes: oneOf(['image', 'audio', 'video']),
  favorites: flag,
  /** Includes disabled and stale models. */
  all: flag,
  new: flag,
})

export const readMcpServersSearch = reader({ new: flag, sort: text })

export const readSchedulesSearch = reader({ sort: text })

export const readScheduleSearch = reader({
  tab: oneOf(['history', 'edit']),
  status: oneOf(executionStatuses),
})

export const usageGroups = ['day', 'agent', 'model', 'user', 'key'] as const
export const usageDays = [7, 30, 90, 365] as const

export const readBudgetsSearch = reader({ sort: text })

export const readUsageSearch = reader({
  by: oneOf(usageGroups),
  days: oneOf(usageDays),
  /** A single day instead of the last days, such as 2026-11-25. */
  day: day,
  /** The amount of the chart. Default: cost, if prices are known. */
  measure: oneOf(['cost', 'tokens']),
  /** Only these calls. */
  agent: text,
  model: text,
  user: text,
  key: text,
})

export const readOperationsSearch = reader({
  sort: text,
  tab: oneOf(['overview', 'turns', 'nodes', 'alerts']),
  status: oneOf(workflowStatuses),
  agent: text,
  /** Time range of the charts, in minutes. */
  minutes: oneOf([60, 360, 1_440]),
})

export const readSettingsSearch = reader({
  sort: text,
  tab: oneOf(['profile', 'keys', 'members', 'organizations', 'webhooks', 'audit', 'about']),
  action: text,
  target: text,
  since: text,
})

export const readDesignSearch = reader({ scheme: oneOf(['light', 'dark']), sort: text })

export type SessionsSearch = ReturnType<typeof readSessionsSearch>
export type CapabilitiesSearch = ReturnType<typeof readCapabilitiesSearch>
export type ProvidersSearch = ReturnType<typeof readProvidersSearch>
export type UsageSearch = ReturnType<typeof readUsageSearch>
export type SettingsSearch = ReturnType<typeof readSettingsSearch>
