import { setTimeout as sleep } from 'node:timers/promises'
import { BudgetRefusedError, findGranted } from '../../store/budgets/charges.ts'
import {
  backoffMs,
  decide,
  isForAnother,
  isUnavailable,
  mayPass,
} from '../../store/database-errors.ts'
import { readEvents } from '../../store/log/events.ts'
import type { NewEvent } from '../../store/log/log-sql.ts'
import { type Appended, type Appending, appendToTurn } from '../../store/turns/turn-appends.ts'
import { retakeTurn } from '../../store/turns/turns.ts'
import type { Node } from '../node.ts'
import { lastOf, type Turn } from './attempt.ts'
import { contextOf } from './contexts.ts'
import { FencedError, UnstorableError } from './errors.ts'
import { logOf } from './metrics.ts'

/**
 * Repeats `work` with backoff until it succeeds or `signal` aborts; then throws the latest error.
 * Contract: for a turn, waits through every transient error; otherwise throws an error that another
 * node may not have.
 */
export async function throughOutages<T>(
  whose: Pick<Node, 'log'> | Turn,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  const isTurn = 'run' in whose
  for (let tries = 1; ; tries += 1) {
    try {
      return await work()
    } catch (error) {
      const passes = isTurn ? mayPass(error) : isUnavailable(error)
      if (!passes || signal.aborted) throw error
      await pause(isTurn ? logOf(whose) : whose.log, signal, { tries, error })
    }
  }
}

async function pause(
  log: Pick<Node['log'], 'warn'>,
  signal: AbortSignal,
  { tries, error }: { tries: number; error: unknown },
) {
  if (tries === 1) log.warn('waiting for the database', { error })
  await sleep(backoffMs(error, tries), undefined, { signal }).catch(() => {})
}

/**
 * Appends to a turn's log, through database outages. After an error it starts a new attempt, which
 * fences the pending append, and reads the log to find out whether the append was made.
 * Contract: appends at most once. Throws FencedError when the turn is over, cancelled or taken
 * over, and when the log lost the event before the append; UnstorableError when the database cannot
 * store the events; BudgetRefusedError when no event was stored.
 */
export async function append(turn: Turn, what: Appending): Promise<Appended> {
  for (let tries = 1; ; tries += 1) {
    try {
      const appended = await appendToTurn(turn.node.db, turn.run, what)
      if (appended) return appended
      throw new FencedError()
    } catch (error) {
      if (error instanceof BudgetRefusedError) throw error
      if (decide(error) === 'defect') throw new UnstorableError(error)
      if (!mayPass(error) || turn.signal.aborted) throw error
      if (isForAnother(error) && !what.outcome) throw error
      if (tries > 1) await pause(logOf(turn), turn.signal, { tries: tries - 1, error })
    }
    const made = await throughOutages(turn, turn.signal, () => findAppended(turn, what))
    if (made) return made
  }
}

/** Finds an append whose response was lost; undefined when it was not made and never will be. */
async function findAppended(turn: Turn, what: Appending): Promise<Appended | undefined> {
  const { node, run } = turn
  const attempt = await retakeTurn(node.db, run, node.id)
  if (attempt === undefined) {
    const ended = await findEnd(turn, what)
    if (ended) return ended
    turn.drafts = []
    throw new FencedError()
  }
  turn.run = { ...run, attempt }
  const { events } = what
  const made = events[0] && (await findEvent(turn, events[0]))
  if (!made) return undefined
  const { sequence, ts } = made
  const last = sequence + events.length - 1
  const found = { sequence: last, added: events.length, ended: false, ts }
  if (!what.charge?.call) return found
  return { ...found, granted: await findGranted(node.db, run) }
}

/** Finds the append that ended the turn. The node that made it exports the trace. */
async function findEnd(turn: Turn, { events, ending }: Appending): Promise<Appended | undefined> {
  const made = ending?.events[0] && (await findEvent(turn, ending.events[0]))
  if (!made) return undefined
  const { length } = ending.events
  const { sequence, ts } = made
  return { sequence: sequence + length - 1, added: events.length + length, ended: true, ts }
}

/** True when the turn's drafts were appended but the response was lost: an append is atomic. */
export async function areDraftsStored(turn: Turn): Promise<boolean> {
  const [first] = turn.drafts
  return first !== undefined && (await findEvent(turn, first.stored)) !== undefined
}

/**
 * Settles the open call of an attempt that stops with what this process has received of it, and
 * adds usage that no append has. A later attempt could settle its prompt only. Returns the attempt
 * to release, if it is a new one.
 * Contract: may be repeated after an error: a new attempt fences pending appends, a reservation
 * that is settled is gone, and usage is sent once.
 */
export async function settleSpent(turn: Turn): Promise<number | undefined> {
  const { node, effects, run } = turn
  if (!effects.spent && !effects.usage) return undefined
  const attempt = await retakeTurn(node.db, run, node.id)
  if (attempt === undefined) return undefined
  turn.run = { ...run, attempt }
  if (await areDraftsStored(turn)) return attempt
  const { spent, usage, usedModel } = effects
  delete effects.usage
  const charge = spent && { spent, context: JSON.stringify(contextOf(turn)) }
  const what = { events: [], after: lastOf(turn), usage, usedModel, charge }
  const settled = await appendToTurn(node.db, turn.run, what)
  if (settled) node.bus.stored(run, settled.sequence)
  return attempt
}

async function findEvent({ node, run, ...turn }: Turn, wanted: NewEvent) {
  const read = { after: turn.sequence, limit: Number.MAX_SAFE_INTEGER }
  const rows = await readEvents(node.db, run.sessionId, read)
  return rows.find(
    ({ type, context, data }) =>
      type === wanted.type && context === wanted.context && data === wanted.data,
  )
}
