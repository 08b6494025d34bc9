import { setTimeout as sleep } from 'node:timers/promises'
import type {
  CancelTurnResponse,
  EventContext,
  EventType,
  TokenUsage,
  WrittenSpan,
} from '@outlast/contract'
import type { LiveKind, LiveMessage } from '../../store/bus/bus.ts'
import { findSnapshot } from '../../store/bus/snapshots.ts'
import { addSpan, writtenOrder } from '../../store/bus/written-order.ts'
import type { Db } from '../../store/database.ts'
import type { NewEvent } from '../../store/log/log-sql.ts'
import { publishEvents, type StoredEvents } from '../../store/log/publish.ts'
import { findAgentOf } from '../../store/sessions/agent-of-session.ts'
import { type Interrupting, interruptTurn } from '../../store/sessions/messages.ts'
import { appendToTurn } from '../../store/turns/turn-appends.ts'
import { readOutline } from '../../store/turns/turn-outline.ts'
import { type CurrentTurn, cancelTurn, findCurrentTurn } from '../../store/turns/turns.ts'
import { usageOf } from '../../store/usage.ts'
import { textPreview, withoutNul } from '../../text.ts'
import type { Effects, Turn } from '../journal/attempt.ts'
import { callContext, turnContext } from '../journal/contexts.ts'
import { loggedEvent, makeDraft, nextTurn } from '../journal/journal.ts'
import { type CountedEvent, countStored, logOfTurn, traceTurn } from '../journal/metrics.ts'
import { readForTrace } from '../journal/trace-log.ts'
import { apply, callsOf, fold, type LoggedEvent, reasonOf, type TurnState } from '../log/state.ts'
import { addUsage } from '../log/usage.ts'
import { agentMessage } from '../model/reply.ts'
import type { Node } from '../node.ts'
import { cancelledOutcome, unbegunOutcome } from '../tools/call.ts'

/** A turn of a session. */
export type TurnRef = { orgId: string; sessionId: string; turnId: string }

/** Time for the turn's node to end the turn, in ms. After that the cancelling node ends it. */
const ownerMs = 700
/** The same for a turn of the cancelling node. */
const hereMs = 10_000
const roundsMax = 100

const nothingRuns: CancelTurnResponse = { status: 'no_op', message: 'No turn currently running' }

/**
 * Cancels the running turn of a session, or only `only` when given. Call `settle` after the commit:
 * it resolves when the session is idle or continues with a later message.
 */
export async function cancelSession(
  node: Node,
  db: Db,
  { orgId, sessionId }: Omit<TurnRef, 'turnId'>,
  only?: string,
): Promise<{ answer: CancelTurnResponse; settle: () => Promise<void> } | undefined> {
  const turn = await findCurrentTurn(db, orgId, sessionId)
  if (!turn) return undefined
  const ref = { orgId, sessionId, turnId: turn.turn_id ?? '' }
  const isOther = only !== undefined && only !== turn.turn_id
  if (turn.turn_id === null || isOther) return { answer: nothingRuns, settle: async () => {} }
  const reason = 'User requested cancellation'
  const { event, askedAt } = await cancelEvent(db, { ref, turn, reason })
  const cancelled = await cancelTurn(db, ref, event)
  if (!cancelled) return { answer: nothingRuns, settle: async () => {} }
  const { sequence, ts } = cancelled
  return {
    answer: { status: 'cancelled', message: 'Turn cancelled successfully' },
    settle: () =>
      awaitEnd(node, ref, { stored: { first: sequence, ts, events: [event] }, askedAt }),
  }
}

const interruptionsMax = 3

/**
 * Stores a message and cancels the running turn in one statement, so that the message is next.
 * Returns undefined when no turn can be cancelled. `settle`: see `cancelSession`.
 */
export async function interruptSession(
  node: Node,
  db: Db,
  { orgId, sessionId, input }: Omit<TurnRef, 'turnId'> & { input: Interrupting },
): Promise<{ sequence: number; settle: () => Promise<void> } | undefined> {
  for (let tries = 0; tries < interruptionsMax; tries += 1) {
    const turn = await findCurrentTurn(db, orgId, sessionId)
    if (!turn?.turn_id || turn.turn_cancelled) return undefined
    const ref = { orgId, sessionId, turnId: turn.turn_id }
    const reason = 'A message interrupted the turn'
    const { event, askedAt } = await cancelEvent(db, { ref, turn, reason })
    const interrupted = await interruptTurn(db, ref, { event, input })
    if (!interrupted) continue
    const { sequence, ts } = interrupted
    const { data, tags, context = '{}' } = input
    const events = [event, { type: 'input.message' as const, context, data, tags }]
    const stored = { first: sequence - 1, ts, events }
    return { sequence, settle: () => awaitEnd(node, ref, { stored, askedAt }) }
  }
  return undefined
}

type Cancelling = { ref: TurnRef; turn: CurrentTurn; reason: string }

async function cancelEvent(db: Db, { ref, turn, reason }: Cancelling) {
  const state = await readState(db, ref, turn)
  return { event: cancelledEvent(state, reason), askedAt: reasonOf(state)?.askedAt }
}

export function cancelledEvent(
  { turnId, inputMessageId, usage }: Pick<TurnState, 'turnId' | 'inputMessageId' | 'usage'>,
  reason: string,
): NewEvent {
  const context = { ...turnContext(turnId, inputMessageId), span_id: turnId }
  const data = { turn_id: turnId, reason, ...(usage && { usage }) }
  return makeDraft('turn.cancelled', context, data).stored
}

export async function readState(db: Db, ref: TurnRef, turn: CurrentTurn): Promise<TurnState> {
  const rows = await readOutline(db, ref.sessionId, { after: turn.turn_from - 1 })
  return fold(ref.turnId, turn.turn_input, rows.map(loggedEvent))
}

type Cancelled = {
  stored: StoredEvents
  /** The sequence of the `output.message.started` that may lack its end. */
  askedAt: number | undefined
}

/**
 * Notifies the turn's node, and ends the turn when that node does not. The cancel is stored: an
 * error of the database changes nothing about it.
 */
async function awaitEnd(node: Node, ref: TurnRef, { stored, askedAt }: Cancelled) {
  const ended = watchEnd(node, ref, askedAt)
  publishEvents(node.bus, ref, stored)
  node.bus.cancel(ref.sessionId, ref.turnId)
  await (endedHere(node, ref.turnId) ?? ended)
  try {
    await settleCancel(node, ref, nothingKept)
  } catch (error) {
    logOfTurn(node, ref).warn('could not end a cancelled turn; its node will end it', { error })
  }
}

/** Waits for an attempt on this node, which stores what it has and others cannot know. */
function endedHere({ local }: Node, turnId: string): Promise<void> | undefined {
  const over = local.over(turnId)
  return over && Promise.race([over, sleep(hereMs, undefined, { ref: false })])
}

/**
 * Resolves when this node sees an event after the cancel, or after 700 ms. Requests the partial
 * text from a slow node while that node still holds it.
 */
function watchEnd({ bus, db }: Node, ref: TurnRef, askedAt: number | undefined): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer)
      clearTimeout(asking)
      unfollow()
      resolve()
    }
    const timer = setTimeout(finish, ownerMs)
    const asking = setTimeout(() => askedAt && bus.requestText(ref.sessionId, askedAt), ownerMs / 2)
    const look = async () => {
      const turn = await findCurrentTurn(db, ref.orgId, ref.sessionId).catch(() => undefined)
      if (turn?.turn_id !== ref.turnId) finish()
    }
    const unfollow = bus.follow(ref.sessionId, {
      orgId: ref.orgId,
      stored: look,
      grew() {},
      deleted: finish,
    })
  })
}

/** Drafts of an attempt whose turn was cancelled: partial text and outcomes of tools. */
export type KeptDrafts = { events: NewEvent[]; effects: Effects }

export const nothingKept: KeptDrafts = { events: [], effects: {} }

/** Outcomes that a cancel keeps. Intents are dropped because nothing follows them. */
const keptByCancel = {
  'input.message': 'dropped',
  'session.started': 'dropped',
  'session.activated': 'dropped',
  'turn.started': 'dropped',
  'mcp.unavailable': 'dropped',
  'capability.unavailable': 'dropped',
  'reason.started': 'dropped',
  'context.compacting': 'dropped',
  'context.compacted': 'dropped',
  'output.message.started': 'dropped',
  'reason.thinking.started': 'dropped',
  'reason.thinking.delta': 'dropped',
  'reason.thinking.completed': 'kept',
  'output.message.delta': 'dropped',
  'tool.input.delta': 'dropped',
  'llm.generation': 'kept',
  'output.message.completed': 'kept',
  'reason.completed': 'kept',
  'act.started': 'dropped',
  'tool.approval_requested': 'dropped',
  'tool.approval_resolved': 'dropped',
  'tool.call_requested': 'dropped',
  'tool.input_resolved': 'dropped',
  'tool.started': 'dropped',
  'tool.completed': 'kept',
  'tool.progress': 'dropped',
  'act.completed': 'dropped',
  'files.changed': 'dropped',
  'budget.warning': 'kept',
  'budget.exhausted': 'dropped',
  'budget.paused': 'dropped',
  'budget.resumed': 'dropped',
  'feedback.given': 'dropped',
  'turn.completed': 'dropped',
  'turn.failed': 'dropped',
  'turn.cancelled': 'dropped',
  'session.idled': 'dropped',
} satisfies Record<EventType, 'kept' | 'dropped'>

export function keptOf({ drafts, effects }: Turn): KeptDrafts {
  const kept = drafts.filter(
    ({ logged }) => keptByCancel[logged.type] === 'kept' && !isCancelledCall(logged),
  )
  return { events: kept.map(({ stored }) => stored), effects }
}

/** Outcomes of cancelled calls are decided by the log: see `cancelledCalls`. */
const isCancelledCall = (event: LoggedEvent) =>
  event.type === 'tool.completed' && event.data.status === 'cancelled'

/**
 * Ends a cancelled turn: stores the kept drafts, then sets the session idle or starts the next turn
 * for later messages.
 * Contract: idempotent, also when two nodes run it at once.
 */
export async function settleCancel(node: Node, ref: TurnRef, kept: KeptDrafts): Promise<void> {
  const { events, effects } = kept
  for (let round = 0; round < roundsMax; round += 1) {
    const turn = await findCurrentTurn(node.db, ref.orgId, ref.sessionId)
    if (turn?.turn_id !== ref.turnId || !turn.turn_cancelled) return
    const state = await readState(node.db, ref, turn)
    const said = events.length > 0 ? undefined : await draftPartialReply(node, ref, { turn, state })
    const after = events.map(loggedDraft).reduce(apply, state)
    const all = [...events, ...(said?.events ?? []), ...cancelledCalls(after)]
    const following = nextTurn(state)
    const usage = addUsage(usageOf(turn), effects.usage)
    const ending = following ? [] : [idledEvent(state, usage)]
    const context = JSON.stringify(turnContext(state.turnId, state.inputMessageId))
    const appended = await appendToTurn(
      node.db,
      { ...ref, attempt: null },
      {
        ...effects,
        ...said?.effects,
        cancelled: true,
        events: all,
        ending: { events: ending, sequence: turn.sequence, next: following },
        charge: { spent: effects.spent, context },
      },
    )
    if (!appended) continue
    countStored(node, all.map(countedOf))
    node.bus.stored(ref, appended.sequence)
    return await observeEnd(node, ref, turn)
  }
  throw new Error(`The cancel of ${ref.turnId} did not finish.`)
}

const loggedDraft = (event: NewEvent) => loggedEvent({ ...event, sequence: 0, ts: '' })

const countedOf = ({ type, data }: NewEvent) => ({ type, data: JSON.parse(data) }) as CountedEvent

/** Reads the whole log for the trace: no node holds all events of a cancelled turn. */
async function observeEnd(node: Node, ref: TurnRef, turn: CurrentTurn) {
  node.metrics.turns.inc({ outcome: 'cancelled', code: '' })
  node.metrics.tally.cancelled()
  if (!node.tracer) return
  try {
    const events = await readForTrace(node.db, ref.sessionId, turn.turn_from)
    const agent = await findAgentOf(node.db, ref.orgId, ref.sessionId)
    if (!agent) return
    const about = { ...ref, inputMessageId: turn.turn_input, ...agent }
    traceTurn(node, about, events)
  } catch (error) {
    logOfTurn(node, ref).warn('a cancelled turn has no trace', { error })
  }
}

/** The partial text of a reply whose own attempt does not store it. */
async function draftPartialReply(
  { db, bus }: Node,
  { sessionId }: TurnRef,
  { turn, state }: { turn: CurrentTurn; state: TurnState },
): Promise<KeptDrafts | undefined> {
  const reason = reasonOf(state)
  if (!reason?.messageId) return undefined
  const heard = [bus.liveMessage(sessionId), await findSnapshot(db, sessionId)]
  const [longest] = heard
    .filter((message) => message?.sequence === reason.askedAt)
    .sort((a, b) => b!.length - a!.length)
  const text = longest ? textOfKind(longest, 'output.message.delta') : ''
  if (text === '') return undefined
  const thinking = textOfKind(longest!, 'reason.thinking.delta')
  const metadata = { model: reason.model ?? 'none' }
  const about = { id: reason.messageId, model: metadata.model, now: Date.parse(turn.now) }
  const message = agentMessage({ text, thinking, toolCalls: [] }, about)
  const context = JSON.parse(longest!.context) as EventContext
  const spans: WrittenSpan[] = []
  for (const piece of longest!.pieces) addSpan(spans, piece)
  const data = { message, metadata, ...writtenOrder(spans) }
  const { stored } = makeDraft('output.message.completed', context, data)
  return { events: [stored], effects: { outputPreview: textPreview(withoutNul(text)) } }
}

const textOfKind = ({ pieces }: Pick<LiveMessage, 'pieces'>, wanted: LiveKind) =>
  pieces
    .filter(({ kind }) => kind === wanted)
    .map(({ text }) => text)
    .join('')

/**
 * Ends calls without an outcome as cancelled, also those that the latest reply requests and that
 * did not begin. The turn does not wait for started ones. Once the log has the cancel, no call
 * changes files any more: the log is final about them.
 */
export function cancelledCalls(state: TurnState): NewEvent[] {
  const context = turnContext(state.turnId, state.inputMessageId)
  const begun = callsOf(state)
  const ended = begun
    .filter(({ outcome }) => !outcome)
    .map((open) => {
      const about = callContext(context, open.step, open.spanId)
      return makeDraft('tool.completed', about, cancelledOutcome(open)).stored
    })
  const unbegun = state.unfinished
    .filter(({ id }) => !begun.some(({ call }) => call.id === id))
    .map((call) => makeDraft('tool.completed', context, unbegunOutcome(call)).stored)
  return [...ended, ...unbegun]
}

/** Builds `session.idled`. `usage` is the sum of all turns of the session. */
export function idledEvent(
  state: Pick<TurnState, 'turnId' | 'inputMessageId' | 'iterations'>,
  usage: TokenUsage | undefined,
): NewEvent {
  return makeDraft('session.idled', turnContext(state.turnId, state.inputMessageId), {
    turn_id: state.turnId,
    iterations: state.iterations,
    ...(usage && { usage }),
  }).stored
}
