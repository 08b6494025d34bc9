import { logOf, ofType } from './audit/log.ts'
import { fromUnits } from './currencies.ts'
import type { Evidence, FaultDone, SessionEvidence } from './evidence.ts'
import type { FaultKind } from './plan.ts'

/** Counts by the names of the report and of a minimum. */
export type Counts = Record<string, number>

/** The faults that are counted under each name. */
export const countedFaults: Readonly<Record<string, readonly FaultKind[]>> = {
  kills: ['kill', 'kill_all'],
  stops: ['stop'],
  deploys: ['deploy'],
  'database restarts': ['database_restart', 'database_kill'],
  failovers: ['failover'],
  'read-only databases': ['read_only'],
  'connection limits': ['connection_limit'],
  'broken connections': ['cut', 'refuse', 'lose_answers', 'stall'],
  'slow databases': ['slow'],
}

type Countable = Pick<Evidence, 'sessions' | 'sharedBudgets' | 'effects' | 'faults'>

/** Contract: pure; may be called during the run. */
export function countsOf({ sessions, sharedBudgets, effects, faults }: Countable): Counts {
  const sum = (count: (session: SessionEvidence) => number) =>
    sessions.reduce((total, session) => total + count(session), 0)
  const events = (type: string) => sum(({ types }) => types[type] ?? 0)
  const posts = (status: number) =>
    sum(({ posted }) => posted.filter((post) => post.status === status).length)
  const follows = (what: 'connections' | 'resumes') =>
    sum(({ followed }) => followed.reduce((total, one) => total + one[what], 0))
  const faulted = Object.entries(countedFaults).map(([name, kinds]) => [
    name,
    faults.filter(({ kind }) => kinds.includes(kind)).length,
  ])
  return {
    sessions: sessions.length,
    'accepted messages': posts(201),
    'refused messages': posts(409),
    events: sum(({ copies }) => copies.size),
    'completed turns': events('turn.completed'),
    'failed turns': events('turn.failed'),
    'cancelled turns': events('turn.cancelled'),
    cancels: sum(({ cancelled }) => cancelled),
    'waits for a budget': events('budget.exhausted'),
    ...Object.fromEntries(
      sharedBudgets.flatMap(({ currency, topUps, used }) => [
        [`top-ups in ${currency}`, topUps],
        [`used ${currency}`, fromUnits(currency, used)],
      ]),
    ),
    'delivered webhooks': sum(({ hooked }) => hooked.filter(({ accepted }) => accepted).length),
    'safe effects': effects.filter(({ replay }) => replay === 'safe').length,
    'unsafe effects': effects.filter(({ replay }) => replay === 'unsafe').length,
    streams: follows('connections'),
    resumes: follows('resumes'),
    ...Object.fromEntries(faulted),
  }
}

/** Times in ms from a fault to the first event of the node that resumed the turn. */
export type Takeovers = { afterKill: number[]; afterStop: number[] }

/**
 * Finds takeovers in logs: a repeated model call, or a tool reported as interrupted, in a silence
 * with exactly one fault.
 * Contract: pure; uses only sessions whose model never breaks a call.
 */
export function takeoversOf({ sessions, faults }: Pick<Evidence, 'sessions' | 'faults'>) {
  const takeovers: Takeovers = { afterKill: [], afterStop: [] }
  for (const session of sessions.filter(({ modelIsSound }) => modelIsSound)) {
    for (const [from, to] of takenOver(session)) {
      const between = faults.filter(({ at, endedAt }) => from <= endedAt && at <= to)
      const [only] = between
      if (between.length !== 1 || !only || only.at < from) continue
      listFor(takeovers, only)?.push(to - only.at)
    }
  }
  return takeovers
}

function listFor({ afterKill, afterStop }: Takeovers, { kind }: FaultDone) {
  if (kind === 'kill') return afterKill
  return kind === 'stop' ? afterStop : undefined
}

/**
 * Returns when events arrived that only another attempt writes, each with the time of the previous
 * event.
 */
function takenOver(session: SessionEvidence): [number, number][] {
  const events = logOf(session)
  const interrupted = new Set(
    ofType(events, 'tool.completed')
      .filter(({ data }) => data.error?.startsWith('The call was interrupted'))
      .map(({ sequence }) => sequence),
  )
  return events.flatMap((event, index) => {
    const isAgain = event.type === 'output.message.started' && (event.data.attempt ?? 1) > 1
    const before = events[index - 1]
    if (!before || !(isAgain || interrupted.has(event.sequence))) return []
    return [[Date.parse(before.ts), Date.parse(event.ts)] satisfies [number, number]]
  })
}

/** Returns the percentile of a list; undefined for an empty one. */
export function percentile(values: readonly number[], part: number): number | undefined {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]
}
