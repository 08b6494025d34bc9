import type { NewFork, Session, ToolCall } from '@outlast/contract'
import { ApiError } from '../../errors.ts'
import { newId } from '../../ids.ts'
import { createShares } from '../../shares.ts'
import { atomically, type Db } from '../../store/database.ts'
import { resealSecrets } from '../../store/files/session-storage.ts'
import { type EventRow, readBackwards, readEvents } from '../../store/log/events.ts'
import type { NewEvent } from '../../store/log/log-sql.ts'
import type { StoredGeneration } from '../../store/log/present-events.ts'
import { getAgent } from '../../store/models/agents.ts'
import {
  type CopiedEvents,
  copyPieces,
  forkBytesMax,
  forkTooLarge,
  isInPieces,
  isLongCopy,
  planPieces,
  type ReplacedEvent,
} from '../../store/sessions/fork-pieces.ts'
import {
  type AsOf,
  copySession,
  type ForkSource,
  type TakenKey,
} from '../../store/sessions/forks.ts'
import type { CreatorOfSession } from '../../store/sessions/sessions.ts'
import { readOutline } from '../../store/turns/turn-outline.ts'
import { textPreview, withoutNul } from '../../text.ts'
import { turnContext } from '../journal/contexts.ts'
import { loggedEvent, makeDraft } from '../journal/journal.ts'
import { toolCallsOf } from '../log/open-calls.ts'
import { contentText, emptyTurn, fold, hasEnded, type LoggedEvent } from '../log/state.ts'
import { addUsage, generationUsage } from '../log/usage.ts'
import type { Node } from '../node.ts'
import { unbegunOutcome } from '../tools/call.ts'
import { cancelledCalls, cancelledEvent, idledEvent } from './cancel.ts'
import { feedbackAsOf } from './feedback.ts'
import { takePlace } from './take-place.ts'

export type Fork = {
  orgId: string
  sessionId: string
  source: Pick<ForkSource, 'preview' | 'stored_bytes'>
  /** The id of the fork. */
  id: string
  /** The last event that is copied. */
  sequence: number
  changes: Pick<NewFork, 'title' | 'tags' | 'model_id'>
  /** The caller. Not used for a session that takes the place of its source. */
  creator?: CreatorOfSession
  /** A message that waits as of `sequence`. The caller begins its turn in the copy. */
  replaced?: ReplacedEvent | undefined
  /** Set by a caller that has superseded the source. */
  taken?: TakenKey
  /** Set by a caller that has called `beginCopy`. */
  copied?: CopiedEvents | undefined
}

/** Maximum of events in a fork. */
const eventsMax = 200_000

type Cut = { orgId: string; source: ForkSource; sequence: number }

/** Contract: throws `fork_too_long`, `agent_archived` and `quota_exceeded`. */
export async function checkFork({ quotas }: Node, db: Db, { orgId, source, sequence }: Cut) {
  if (sequence > eventsMax) throw new ApiError('fork_too_long', `${eventsMax} events`)
  // The length of a part of the log is not known before it is copied.
  const isWhole = sequence === source.sequence
  if (isWhole && source.stored_bytes > forkBytesMax) throw forkTooLarge()
  const agent = await getAgent(db, orgId, source.agent_id)
  if (agent.status === 'archived') throw new ApiError('agent_archived', agent.id)
  await quotas.checkStorage(db, orgId, source.bytes)
  // Last: the other check may reload the counts, which do not include this session yet.
  await quotas.checkSessions(db, orgId)
}

/**
 * Long copies of this node. Each holds a connection of requests for many seconds, so most are left
 * to other requests.
 */
const longCopies = createShares(
  { slots: 2, slotsEach: 1, waitingMax: 0, waitingEachMax: 0 },
  () => new ApiError('rate_limited', '5'),
)

/**
 * Copies the events of a log that is too long for one statement, in a transaction.
 * Contract: throws `fork_too_long`, and `rate_limited` while another long copy of the organization
 * runs on this node.
 */
async function beginCopy(db: Db, fork: Fork): Promise<CopiedEvents | undefined> {
  if (!isInPieces(fork.source.stored_bytes)) return undefined
  const pieces = await planPieces(db, fork)
  const copy = () => copyPieces(db, fork, pieces)
  return isLongCopy(pieces) ? longCopies.run(fork.orgId, copy) : copy()
}

/**
 * Forks a session with its key. The key moves in the transaction that creates the fork.
 * Contract: as `forkSession`; throws `session_without_key`.
 */
export const forkWithKey = (node: Pick<Node, 'secrets'>, db: Db, fork: Fork): Promise<Session> =>
  atomically(db, async (db) => {
    const { orgId, sessionId, id } = fork
    // Before it locks the source: the turns of the source do not wait for the copy.
    const copied = await beginCopy(db, fork)
    const { isDone, key } = await takePlace(db, { orgId, sessionId, by: id, kind: 'fork' })
    if (!isDone) throw new ApiError('session_without_key')
    return forkSession(node, db, { ...fork, copied, taken: { key } })
  })

/**
 * Creates a session with a copy of another session's log up to an event. The source does not
 * change.
 * Contract: throws 404 when the source is deleted, `secrets_unavailable`, `secret_unreadable` and
 * the errors of `beginCopy`.
 */
export async function forkSession(
  { secrets }: Pick<Node, 'secrets'>,
  db: Db,
  fork: Fork,
): Promise<Session> {
  const { orgId, sessionId, id, source, sequence, changes, creator, replaced, taken } = fork
  const as = await stateAsOf(db, sessionId, { source, sequence, replaced })
  return atomically(db, async (db) => {
    const copied = fork.copied ?? (await beginCopy(db, fork))
    const copying = { id, as, changes, creator, replaced, taken, copied }
    const { session, hasSecrets } = await copySession(db, { orgId, sessionId }, copying)
    if (hasSecrets) await resealSecrets({ db, secrets, orgId }, { from: sessionId, to: id })
    return session
  })
}

const startsTurn = ({ type, data }: LoggedEvent) => type === 'input.message' && !data.imported

type At = Pick<Fork, 'source' | 'sequence' | 'replaced'>

/** Derives the session's state as of an event from the log, whose events never change. */
async function stateAsOf(
  db: Db,
  sessionId: string,
  { source, sequence, replaced }: At,
): Promise<AsOf> {
  const [idled] = await readLast(db, sessionId, { type: 'session.idled', upTo: sequence })
  const after = idled?.sequence ?? 0
  const rows = await readOutline(db, sessionId, { after, upTo: sequence })
  const events = rows.map(loggedEvent)
  const before = idled && (loggedEvent(idled) as LoggedEvent & { type: 'session.idled' }).data.usage
  const usage = events.reduce((sum, event) => addUsage(sum, eventUsage(event)), before)
  const ending = endingOf(events, usage, replaced?.sequence)
  return {
    sequence,
    isStarted: idled !== undefined || events.some(startsTurn),
    preview: (await hasInputText(db, sessionId, sequence)) ? source.preview : null,
    outputPreview: await outputPreview(db, sessionId, sequence),
    usage,
    idledAt: idled?.ts ?? null,
    context: await contextAsOf(db, sessionId, sequence),
    lastTurn: await lastTurn(db, sessionId, { upTo: sequence, ending }),
    feedback: await feedbackAsOf(db, sessionId, sequence),
    ending,
  }
}

type Latest = { type: EventRow['type'] | readonly EventRow['type'][]; upTo: number; limit?: number }

const readLast = (db: Db, sessionId: string, { type, upTo, limit = 1 }: Latest) =>
  readBackwards(db, sessionId, { type, before: upTo + 1, limit })

const statusOf = {
  'turn.completed': 'completed',
  'turn.failed': 'failed',
  'turn.cancelled': 'cancelled',
} as const
type EndType = keyof typeof statusOf

/** The end of the latest turn, which the fork may have cancelled. */
async function lastTurn(
  db: Db,
  sessionId: string,
  { upTo, ending }: { upTo: number; ending: readonly NewEvent[] },
): Promise<AsOf['lastTurn']> {
  const type = Object.keys(statusOf) as EndType[]
  const [stored] = await readLast(db, sessionId, { type, upTo })
  const last = ending.findLast(({ type }) => type in statusOf) ?? stored
  if (!last) return null
  const { turn_id: id, error = null, error_code = null } = JSON.parse(last.data)
  return { id, status: statusOf[last.type as EndType], error, error_code }
}

/** The token usage of a model call or a summary. */
function eventUsage({ type, data }: LoggedEvent) {
  if (type === 'llm.generation') return generationUsage(data.metadata)
  return type === 'context.compacted' ? data.usage : undefined
}

/** True if a message has text for a preview. */
async function hasInputText(db: Db, sessionId: string, upTo: number): Promise<boolean> {
  for (let after = 0; ; ) {
    const read = { after, upTo, types: ['input.message'], limit: 1 }
    const [row] = await readEvents(db, sessionId, read)
    if (!row) return false
    if (textIn(row) !== undefined) return true
    after = row.sequence
  }
}

const repliesAtOnce = 10

/** The beginning of the latest reply that has text. */
async function outputPreview(db: Db, sessionId: string, upTo: number): Promise<string | null> {
  const latest = { type: 'output.message.completed' as const, limit: repliesAtOnce }
  for (let end = upTo; ; ) {
    const rows = await readLast(db, sessionId, { ...latest, upTo: end })
    const text = rows.map(textIn).find((text) => text !== undefined && text !== '')
    if (text !== undefined) return textPreview(withoutNul(text))
    if (rows.length < repliesAtOnce) return null
    end = rows.at(-1)!.sequence - 1
  }
}

function textIn(row: EventRow): string | undefined {
  const event = loggedEvent(row)
  const hasMessage = event.type === 'input.message' || event.type === 'output.message.completed'
  return hasMessage ? contentText(event.data.message.content) : undefined
}

async function contextAsOf(db: Db, sessionId: string, upTo: number): Promise<AsOf['context']> {
  const [row] = await readLast(db, sessionId, { type: 'llm.generation', upTo })
  if (!row) return undefined
  const { to, prompt } = JSON.parse(row.data) as StoredGeneration
  return { sequence: to, prompt }
}

const reason = 'The session was forked here'

/**
 * Ends the work that is open in a log: cancels the current turn, and adds a cancelled turn for each
 * waiting message. `next`: the waiting message that is answered next. The model gets none of those
 * queued after it.
 * Contract: pure except for new ids; accepts any prefix of a legal log.
 */
export function endingOf(
  log: readonly LoggedEvent[],
  usage: AsOf['usage'],
  next?: number,
): NewEvent[] {
  const events = log.filter(({ sequence }) => sequence !== next)
  const latest = events.findLast(({ context }) => context.turn_id !== undefined)?.context
  const turn = fold(latest?.turn_id ?? '', latest?.input_message_id ?? '', events)
  const isOpen = latest !== undefined && !hasEnded(turn)
  const isCancelled = turn.cancelledAt !== undefined
  const waiting = isOpen && !isCancelled ? queuedIn(events) : [...late(turn), ...queuedIn(events)]
  const left = waiting.map((input) => ({ input, turn: emptyTurn(newId('turn'), input.id) }))
  const last = left.at(-1)?.turn ?? (latest && turn)
  if (!last) return importedOutcomes(events)
  return [
    ...(isOpen && !isCancelled ? [cancelledEvent(turn, reason)] : []),
    ...(isOpen ? cancelledCalls(turn) : []),
    ...left.flatMap(({ input, turn }) => [
      activatedEvent(turn.turnId, input, next),
      cancelledEvent(turn, reason),
    ]),
    ...(next === undefined ? [idledEvent(last, usage)] : []),
  ]
}

/** Ends the imported calls whose results come after the cut: only the latest reply has any. */
function importedOutcomes(events: readonly LoggedEvent[]): NewEvent[] {
  const open = new Map<string, ToolCall>()
  for (const { type, data } of events) {
    if (type === 'tool.completed') open.delete(data.tool_call_id)
    if (type !== 'output.message.completed') continue
    open.clear()
    for (const call of toolCallsOf(data.message.content)) open.set(call.id, call)
  }
  return [...open.values()].map((call) => {
    const outcome = { ...unbegunOutcome(call), imported: true as const }
    return makeDraft('tool.completed', {}, outcome).stored
  })
}

/** `sequence`: of the event of a queued message. */
type Waiting = { id: string; sequence?: number }

/** The first message that a finished turn did not see: one turn answers all of them. */
const late = ({ unseen }: ReturnType<typeof fold>): Waiting[] =>
  unseen.slice(0, 1).map(({ messageId: id }) => ({ id }))

function queuedIn(events: readonly LoggedEvent[]): Waiting[] {
  const begun = new Set(events.map(({ context }) => context.input_message_id))
  return events.flatMap((event) => {
    if (event.type !== 'input.message' || event.data.on_busy !== 'queue') return []
    const { id } = event.data.message
    return begun.has(id) ? [] : [{ id, sequence: event.sequence }]
  })
}

function activatedEvent(
  turnId: string,
  { id, sequence }: Waiting,
  next = Number.POSITIVE_INFINITY,
): NewEvent {
  return makeDraft('session.activated', turnContext(turnId, id), {
    turn_id: turnId,
    input_message_id: id,
    ...(sequence !== undefined && sequence < next && { input_sequence: sequence }),
  }).stored
}
