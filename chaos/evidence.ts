import type { Event, Execution } from '@outlast/contract'
import type { Effect } from './ledger.ts'
import type { FaultKind } from './plan.ts'

export type OnBusy = 'steer' | 'queue' | 'interrupt' | 'reject'

/** A message that was posted until the answer was certain. */
export type Posted = {
  /** Stands in the text of the message, and in no other. */
  marker: string
  onBusy: OnBusy | undefined
  status: number
  /** Of the accepted message. */
  id: string | undefined
  sequence: number | undefined
}

/** What a client saw that followed a session, over all of its connections. */
export type Followed = { name: string; seen: Seen[]; connections: number; resumes: number }
/** One event as it stood on the stream, and on which of the connections. */
export type Seen = { id: string; json: string; connection: number }

/** The log after a sequence, read during the run. `known`: how far it was seen before. */
export type Glimpse = { node: string; after: number; known: number; sequences: number[] }

/** What stood last in the log when the session had just said that it was idle. */
export type IdleSeen = { node: string; lastType: string; lastSequence: number }

export type SessionEvidence = {
  id: string
  /** The log at the end, as each node gave it. */
  logs: { node: string; events: Event[] }[]
  statusAtEnd: string
  /** Every form of an event that was seen, by sequence: its JSON, and where it was seen first. */
  copies: Map<number, Map<string, string>>
  /** The last sequence that anybody saw. */
  known: number
  /** How many events of each type were seen. */
  types: Record<string, number>
  posted: Posted[]
  /** Cancels that were answered with `cancelled`. */
  cancelled: number
  followed: Followed[]
  glimpses: Glimpse[]
  idles: IdleSeen[]
  /** Longest time without a new event while the turn should run and a node was able to run it. */
  stalledMs: number
  /** Texts that the scripts of this session's model hold. */
  texts: Set<string>
  /** False when the scripted model breaks calls: then an `attempt` proves nothing of nodes. */
  modelIsSound: boolean
}

/** A fault of a node that no log shows: a wrong answer, an unexpected end. */
export type Mishap = { what: string; times: number }

export type FaultDone = { kind: FaultKind; node: number | undefined; at: number; endedAt: number }

/** A schedule that is due each second, and what came of it by the end, oldest first. */
export type ScheduleEvidence = {
  id: string
  sessionId: string
  executions: Execution[]
  /** Ids of the executions that the session's messages name. */
  messages: string[]
}

/** All that an auditor has. */
export type Evidence = {
  sessions: SessionEvidence[]
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
    idles: [],
    stalledMs: 0,
    texts: new Set(),
    modelIsSound,
  }
}

export type Copy = { sequence: number; type: string; json: string; where: string }

/** Remembers how a stored event looked. */
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
