import type { Event, Execution, LedgerEntry } from '@outlast/contract'
import type { Currency } from './currencies.ts'
import type { Effect } from './ledger.ts'
import type { FaultKind } from './plan.ts'

export type OnBusy = 'steer' | 'queue' | 'interrupt' | 'reject'

/** A message that was posted until the answer was certain. */
export type Posted = {
  /** A unique text in this message. */
  marker: string
  onBusy: OnBusy | undefined
  status: number
  /** The id of the accepted message. */
  id: string | undefined
  sequence: number | undefined
}

/** The events that a follower of a session received, over all of its connections. */
export type Followed = { name: string; seen: Seen[]; connections: number; resumes: number }
/** One event as the stream contained it, and the number of the connection. */
export type Seen = { id: string; json: string; connection: number }

/** The log after a sequence, read during the run. `known`: how far it was read before. */
export type Glimpse = { node: string; after: number; known: number; sequences: number[] }

/** The last event in the log right after the session was reported idle. */
export type IdleSeen = { node: string; lastType: string; lastSequence: number }

/** A request of a webhook: the id of its header and of its body, and whether it got a 2xx. */
export type HookedEvent = {
  header: string
  id: string
  type: string
  session: string
  accepted: boolean
}

export type SessionEvidence = {
  id: string
  /** The log at the end, as each node returned it. */
  logs: { node: string; events: Event[] }[]
  statusAtEnd: string
  /** Every observed form of an event, by sequence: its JSON, and where it was observed first. */
  copies: Map<number, Map<string, string>>
  /** The last sequence that any reader observed. */
  known: number
  /** The number of observed events of each type. */
  types: Record<string, number>
  posted: Posted[]
  /** Cancels that were answered with `cancelled`. */
  cancelled: number
  followed: Followed[]
  glimpses: Glimpse[]
  /** Requests for its events. */
  hooked: HookedEvent[]
  /** Its own budgets, one in each currency. */
  budgets: BudgetEvidence[]
  idles: IdleSeen[]
  /** Longest time without a new event while the turn should run and a node was able to run it. */
  stalledMs: number
  /** Texts in the scripts of this session's model. */
  texts: Set<string>
  /**
   * False when the scripted model breaks calls: then an `attempt` is no sign of a node's failure.
   */
  modelIsSound: boolean
}

/** A fault of a node that no log shows: a wrong answer, an unexpected end. */
export type Mishap = { what: string; times: number }

export type FaultDone = { kind: FaultKind; node: number | undefined; at: number; endedAt: number }

/** A schedule that is due each second, and its executions at the end, oldest first. */
export type ScheduleEvidence = {
  id: string
  sessionId: string
  executions: Execution[]
  /** Ids of the executions that the session's messages name. */
  messages: string[]
}

/** A budget. Amounts, except those of the ledger, are units of its currency. */
export type BudgetEvidence = {
  id: string
  currency: Currency
  limit: number
  /** Its limit and all top-ups. */
  granted: number
  topUps: number
  /** The lowest balance, less reservations, of all that were read. */
  least: number
  /** At the end. */
  used: number
  reserved: number
  ledger: LedgerEntry[]
}

/** All input of the auditor. */
export type Evidence = {
  sessions: SessionEvidence[]
  /** Budgets of all sessions that run out during the load, one in each currency. */
  sharedBudgets: BudgetEvidence[]
  schedules: ScheduleEvidence[]
  effects: Effect[]
  mishaps: Mishap[]
  faults: FaultDone[]
}

export function newSession(id: string, modelIsSound: boolean): SessionEvidence {
  return {
    id,
    logs: [],
    statusAtEnd: 'unknown',
    copies: new Map(),
    known: 0,
    types: {},
    posted: [],
    cancelled: 0,
    followed: [],
    glimpses: [],
    hooked: [],
    budgets: [],
    idles: [],
    stalledMs: 0,
    texts: new Set(),
    modelIsSound,
  }
}

export type Copy = { sequence: number; type: string; json: string; where: string }

/** Records an observed form of a stored event. */
export function addCopy(session: SessionEvidence, { sequence, type, json, where }: Copy): void {
  const { copies, types } = session
  const known = copies.get(sequence)
  if (known?.has(json)) return
  if (known) return void known.set(json, where)
  copies.set(sequence, new Map([[json, where]]))
  types[type] = (types[type] ?? 0) + 1
  session.known = Math.max(session.known, sequence)
}

export function addMishap(mishaps: Mishap[], what: string) {
  const known = mishaps.find((mishap) => mishap.what === what)
  if (known) known.times += 1
  else mishaps.push({ what, times: 1 })
}
