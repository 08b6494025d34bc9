import { panels } from './sessions/panels/panels.ts'

/** What an address has after its question mark, as the router parsed it. */
type Given = Record<string, unknown>

const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined)
const flag = (value: unknown) => value === true || undefined
const oneOf = <T>(choices: readonly T[], value: unknown) =>
  choices.find((choice) => choice === value)
const optional = <T extends object>(search: T): Partial<T> => search

export const readSessionsSearch = (given: Given) =>
  optional({
    search: text(given.search),
    status: oneOf(['started', 'active', 'idle'] as const, given.status),
    agent: text(given.agent),
    tag: text(given.tag),
    /** A new session is being made. */
    new: flag(given.new),
  })

export const readSessionSearch = (given: Given) =>
  optional({
    panel: oneOf(panels, given.panel),
    /** A message that a link names. */
    message: text(given.message),
    /** A turn that the timeline shows. */
    turn: text(given.turn),
    /** The file that is open. */
    file: text(given.file),
    /** Of the events: which types, separated by commas, and a text in them. */
    types: text(given.types),
    find: text(given.find),
  })

export const readAgentsSearch = (given: Given) =>
  optional({ search: text(given.search), importing: flag(given.importing) })

export const readAgentSearch = (given: Given) =>
  optional({
    /** What stands beside the editor. */
    side: oneOf(['playground', 'preview'] as const, given.side),
    /** The session of the playground. */
    session: text(given.session),
    /** A capability to begin with. */
    add: text(given.add),
  })

export const readCapabilitiesSearch = (given: Given) =>
  optional({
    search: text(given.search),
    category: text(given.category),
    open: text(given.open),
  })

export const readProvidersSearch = (given: Given) =>
  optional({
    tab: oneOf(['models', 'providers'] as const, given.tab),
    search: text(given.search),
    provider: text(given.provider),
    takes: oneOf(['image', 'audio', 'video'] as const, given.takes),
    favorites: flag(given.favorites),
    /** Models that are disabled or stale, too. */
    all: flag(given.all),
    new: flag(given.new),
  })

export const readMcpServersSearch = (given: Given) => optional({ new: flag(given.new) })

export const executionStatuses = ['pending', 'running', 'completed', 'failed', 'skipped'] as const

export const readScheduleSearch = (given: Given) =>
  optional({
    tab: oneOf(['history', 'edit'] as const, given.tab),
    status: oneOf(executionStatuses, given.status),
  })

export const workflowStatuses = ['queued', 'running', 'waiting', 'failed'] as const

export const readOperationsSearch = (given: Given) =>
  optional({
    tab: oneOf(['overview', 'turns', 'nodes'] as const, given.tab),
    status: oneOf(workflowStatuses, given.status),
    agent: text(given.agent),
    /** How far back charts of all nodes go. */
    minutes: oneOf([60, 360, 1_440] as const, given.minutes),
  })

const settingsTabs = ['profile', 'keys', 'members', 'organizations', 'audit', 'about'] as const

export const readSettingsSearch = (given: Given) =>
  optional({
    tab: oneOf(settingsTabs, given.tab),
    action: text(given.action),
    target: text(given.target),
    since: text(given.since),
  })

export type SessionsSearch = ReturnType<typeof readSessionsSearch>
export type ProvidersSearch = ReturnType<typeof readProvidersSearch>
export type SettingsSearch = ReturnType<typeof readSettingsSearch>
export type CapabilitiesSearch = ReturnType<typeof readCapabilitiesSearch>
