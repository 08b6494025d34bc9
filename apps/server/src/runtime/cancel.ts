import type { CancelTurnResponse, TokenUsage } from '@outlast/contract'
import type { Db } from '../store/database.ts'
import { readLog, wireEvent } from '../store/events.ts'
import {
  appendToTurn,
  type CurrentTurn,
  cancelTurn,
  findCurrentTurn,
  type NewEvent,
} from '../store/turns.ts'
import {
  type Effects,
  loggedEvent,
  makeDraft,
  nextTurn,
  sessionUsage,
  turnContext,
} from './journal.ts'
import { addUsage, fold, type TurnState } from './log.ts'
import type { Node } from './node.ts'
import { cancelledOutcome } from './tool-call.ts'

/** A turn of a session. */
export type TurnRef = { orgId: string; sessionId: string; turnId: string }

/** How long the node that runs a turn may take to end it; then whoever asked for the cancel does. */
const ownerMs = 700
const roundsMax = 100

const nothingRuns: CancelTurnResponse = { status: 'no_op', message: 'No turn currently running' }

/**
 * Cancels the turn that a session runs. `settle` is to be called once that is committed; it resolves when the
 * session is idle, or has gone on to a later message.
 */
export async function cancelSession(
  node: Node,
  db: Db,
  { orgId, sessionId }: Omit<TurnRef, 'turnId'>,
): Promise<{ answer: CancelTurnResponse; settle: () => Promise<void> } | undefined> {
  const turn = await findCurrentTurn(db, orgId, sessionId)
  if (!turn) return undefined
  const ref = { orgId, sessionId, turnId: turn.turn_id ?? '' }
  const cancelled = turn.turn_id !== null && (await markCancelled(db, ref, turn))
  if (!cancelled) return { answer: nothingRuns, settle: async () => {} }
  return {
    answer: { status: 'cancelled', message: 'Turn cancelled successfully' },
    settle: () => awaitEnd(node, ref, cancelled),
  }
}

type Cancelled = { event: NewEvent; sequence: number; ts: string }

async function markCancelled(
  db: Db,
  ref: TurnRef,
  turn: CurrentTurn,
): Promise<Cancelled | undefined> {
  const { usage } = await readState(db, ref, turn)
  const context = { ...turnContext(ref.turnId, turn.turn_input), span_id: ref.turnId }
  const { stored: event } = makeDraft('turn.cancelled', context, {
    turn_id: ref.turnId,
    reason: 'User requested cancellation',
    ...(usage && { usage }),
  })
  const marked = await cancelTurn(db, ref, event)
  return marked && { event, ...marked }
}

async function readState(db: Db, ref: TurnRef, turn: CurrentTurn): Promise<TurnState> {
  const rows = await readLog(db, ref.sessionId, turn.turn_from, turn.turn_from - 1)
  return fold(ref.turnId, rows.map(loggedEvent))
}

/** Tells the turn's node, and ends the turn itself when that node does not. */
async function awaitEnd(node: Node, ref: TurnRef, { event, sequence, ts }: Cancelled) {
  const ended = watchEnd(node, ref)
  node.bus.stored(ref.sessionId, sequence, () => [
    wireEvent(ref.sessionId, { ...event, sequence, ts }),
  ])
  node.bus.cancel(ref.sessionId, ref.turnId)
  await ended
  await settleCancel(node, ref, nothingKept)
}

/** Resolves when this node hears that the session has gone on after the cancel, at the latest after 700 ms. */
function watchEnd({ bus, db }: Node, ref: TurnRef): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer)
      unfollow()
      resolve()
    }
    const timer = setTimeout(finish, ownerMs)
    const look = async () => {
      const turn = await findCurrentTurn(db, ref.orgId, ref.sessionId).catch(() => undefined)
      if (turn?.turn_id !== ref.turnId) finish()
    }
    const unfollow = bus.follow(ref.sessionId, { stored: look, grew() {}, deleted: finish })
  })
}

/** What an attempt still held when its turn was cancelled: what was said, which tools ended. */
export type Kept = { events: NewEvent[]; effects: Effects }

export const nothingKept: Kept = { events: [], effects: {} }

/**
 * Ends a turn that was cancelled: what was kept, then idle, or the next turn for messages that came after the
 * cancel. Does nothing when that has happened already.
 */
export async function settleCancel(node: Node, ref: TurnRef, kept: Kept): Promise<void> {
  for (let round = 0, { events, effects } = kept; round < roundsMax; round += 1) {
    const turn = await findCurrentTurn(node.db, ref.orgId, ref.sessionId)
    if (turn?.turn_id !== ref.turnId || !turn.turn_cancelled) return
    const state = await readState(node.db, ref, turn)
    const all = [...events, ...openCalls(turn, state, events)]
    const late = state.unseen.filter((input) => input.sequence > (state.cancelledAt ?? 0))
    const following = nextTurn(late)
    const ending = following ? [] : [idled(turn, state, effects.usage)]
    const appended = await appendToTurn(
      node.db,
      { ...ref, attempt: null },
      {
        ...effects,
        cancelled: true,
        events: all,
        ending: { events: ending, sequence: turn.sequence, next: following },
      },
    )
    if (!appended) return
    node.bus.stored(ref.sessionId, appended.sequence)
    if (appended.ended) return
    events = []
    effects = {}
  }
  throw new Error(`cancel of ${ref.turnId} did not come to its end`)
}

/** Tools that had begun and have no outcome: whatever they still do, the turn does not wait for it. */
function openCalls(turn: CurrentTurn, state: TurnState, kept: NewEvent[]): NewEvent[] {
  const { act } = state
  if (!act) return []
  const told = new Set(
    kept
      .filter(({ type }) => type === 'tool.completed')
      .map(({ data }) => (JSON.parse(data) as { tool_call_id: string }).tool_call_id),
  )
  return act.calls
    .filter(({ outcome, call }) => !outcome && !told.has(call.id))
    .map(({ call, spanId }) => {
      const context = {
        ...turnContext(state.turnId, turn.turn_input),
        exec_id: act.execId,
        span_id: spanId,
        parent_span_id: act.spanId,
      }
      return makeDraft('tool.completed', context, cancelledOutcome(call)).stored
    })
}

function idled(turn: CurrentTurn, state: TurnState, added: TokenUsage | undefined): NewEvent {
  const usage = addUsage(sessionUsage(turn), added)
  return makeDraft('session.idled', turnContext(state.turnId, turn.turn_input), {
    turn_id: state.turnId,
    iterations: state.iterations,
    ...(usage && { usage }),
  }).stored
}
