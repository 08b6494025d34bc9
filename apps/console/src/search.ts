import { panels } from './sessions/panels/panels.ts'

const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined)
const flag = (value: unknown) => value === true || undefined
const oneOf =
  <const T>(choices: readonly T[]) =>
  (value: unknown) =>
    choices.find((choice) => choice === value)

type Readers = Record<string, (value: unknown) => unknown>
type Read<Fields extends Readers> = { [Name in keyof Fields]?: ReturnType<Fields[Name]> }

/** Reads the query of a URL. Invalid values become undefined. */
const reader =
  <Fields extends Readers>(fields: Fields) =>
  (given: Record<string, unknown>) => {
    const found = Object.entries(fields).map(([name, read]) => [name, read(given[name])])
    return Object.fromEntries(found) as Read<Fields>
  }

export const executionStatuses = ['pending', 'running', 'completed', 'failed', 'skipped'] as const
export const workflowStatuses = ['queued', 'running', 'waiting', 'failed'] as const

export const readSessionsSearch = reader({
  search: text,
  status: oneOf(['started', 'active', 'waiting', 'idle', 'failed']),
  agent: text,
  tag: text,
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

export const readAgentsSearch = reader({ search: text, importing: flag })

export const readAgentSearch = reader({
  /** The panel beside the editor. */
  side: oneOf(['playground', 'preview']),
  /** The session of the playground. */
  session: text,
  /** A capability to add. */
  add: text,
})

export const readCapabilitiesSearch = reader({ search: text, category: text, open: text })

export const readProvidersSearch = reader({
  tab: oneOf(['models', 'providers']),
  search: text,
  provider: text,
  takes: oneOf(['image', 'audio', 'video']),
  favorites: flag,
  /** Includes disabled and stale models. */
  all: flag,
  new: flag,
})

export const readMcpServersSearch = reader({ new: flag })

export const readScheduleSearch = reader({
  tab: oneOf(['history', 'edit']),
  status: oneOf(executionStatuses),
})

export const usageGroups = ['day', 'agent', 'model', 'user', 'key'] as const
export const usageDays = [7, 30, 90, 365] as const

export const readBudgetsSearch = reader({
  tab: oneOf(['budgets', 'usage']),
  by: oneOf(usageGroups),
  days: oneOf(usageDays),
})

export const readOperationsSearch = reader({
  tab: oneOf(['overview', 'turns', 'nodes', 'alerts']),
  status: oneOf(workflowStatuses),
  agent: text,
  /** Time range of the charts, in minutes. */
  minutes: oneOf([60, 360, 1_440]),
})

export const readSettingsSearch = reader({
  tab: oneOf(['profile', 'keys', 'members', 'organizations', 'webhooks', 'audit', 'about']),
  action: text,
  target: text,
  since: text,
})

export type SessionsSearch = ReturnType<typeof readSessionsSearch>
export type CapabilitiesSearch = ReturnType<typeof readCapabilitiesSearch>
export type ProvidersSearch = ReturnType<typeof readProvidersSearch>
export type SettingsSearch = ReturnType<typeof readSettingsSearch>
