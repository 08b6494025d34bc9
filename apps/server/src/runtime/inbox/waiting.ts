import { expiredOutcomeOf } from '../../capabilities/questions.ts'
import { ApiError } from '../../errors.ts'
import type { Db } from '../../store/database.ts'
import { type CurrentTurn, findCurrentTurn } from '../../store/turns/turns.ts'
import { answerCalls } from '../../store/turns/waits.ts'
import type { Draft } from '../journal/attempt.ts'
import { callContext, turnContext } from '../journal/contexts.ts'
import { makeDraft, publishDrafts } from '../journal/journal.ts'
import { isOutside, type OpenCall } from '../log/open-calls.ts'
import { apply, callsOf, next, type TurnState } from '../log/state.ts'
import { waitOf } from '../log/wait.ts'
import type { Node } from '../node.ts'
import { expiredOutcome } from '../tools/call.ts'
import { questionDraft } from '../tools/questions.ts'
import { readState, type TurnRef } from './cancel.ts'

/** The running turn of a session, as read by a caller outside its node. */
export type OpenTurn = {
  turnId: string
  /** The sequence at which its log begins. */
  from: number
  state: TurnState
  /** Time by the database's clock, in ms since 1970. */
  now: number
  /** Builds the context of events about a call. */
  contextOf: (call: OpenCall) => ReturnType<typeof turnContext>
}

/** A call of the running turn that waits for a client or a person. */
export type WaitingCall = { turn: OpenTurn; open: OpenCall }

export type Answered = {
  state: TurnState
  /** Position and time of the stored events. */
  first: number
  ts: string
  drafts: readonly Draft[]
  /** Notifies followers. Called after the commit. */
  publish: () => void
}

const triesMax = 100
const noLimits = { iterationsMax: Number.POSITIVE_INFINITY }

/**
 * Adds outside decisions to the log of the running turn, and resumes the turn unless it waits for
 * more. Repeats `decide` when events were added in between; without a running turn its argument is
 * undefined.
 * Contract: throws 404, `session_changing`, and errors of `decide`; stores nothing when `decide`
 * returns no events.
 */
export async function resolveWait(
  node: Node,
  db: Db,
  { orgId, sessionId }: Omit<TurnRef, 'turnId'>,
  decide: (turn: OpenTurn | undefined) => readonly Draft[],
): Promise<Answered | undefined> {
  for (let tries = 0; tries < triesMax; tries += 1) {
    const { current, turn } = await readCurrent(db, { orgId, sessionId })
    const drafts = decide(turn)
    if (!turn || drafts.length === 0) return undefined
    const ref = { orgId, sessionId, turnId: turn.turnId }
    const state = applied(turn.state, current.sequence, drafts)
    const events = drafts.map(({ stored }) => stored)
    const wait = waitIn(state, current)
    const at = { sequence: current.sequence, events, wait }
    const stored = await answerCalls(db, { ...ref, attempt: null }, at)
    if (!stored) continue
    const { ts } = stored
    const first = current.sequence + 1
    const publish = () => publishDrafts(node, ref, { first, ts, drafts })
    return { state, first, ts, drafts, publish }
  }
  throw new ApiError('session_changing')
}

/** Finds the running turn of a session. Contract: throws 404 for an unknown session. */
export async function findOpenTurn(
  db: Db,
  ref: Omit<TurnRef, 'turnId'>,
): Promise<OpenTurn | undefined> {
  return (await readCurrent(db, ref)).turn
}

async function readCurrent(db: Db, { orgId, sessionId }: Omit<TurnRef, 'turnId'>) {
  const current = await findCurrentTurn(db, orgId, sessionId)
  if (!current) throw new ApiError('not_found', 'Session')
  const { turn_id: turnId, turn_cancelled, turn_input, turn_from: from } = current
  if (turnId === null || turn_cancelled) return { current, turn: undefined }
  const state = await readState(db, { orgId, sessionId, turnId }, current)
  const context = turnContext(turnId, turn_input)
  const contextOf = ({ step, spanId }: OpenCall) => callContext(context, step, spanId)
  return { current, turn: { turnId, from, state, now: Date.parse(current.now), contextOf } }
}

const applied = (state: TurnState, sequence: number, drafts: readonly Draft[]) =>
  drafts.reduce(
    (now, { logged }, index) => apply(now, { ...logged, sequence: sequence + 1 + index }),
    state,
  )

/** The remaining wait of a turn; undefined when the turn can continue. */
function waitIn(state: TurnState, { waiting_for, now }: CurrentTurn) {
  const action = next(state, noLimits)
  return action.kind === 'wait' ? waitOf(action.calls, waiting_for?.since ?? now) : undefined
}

/** Lists the calls of a turn that wait for a client or a person, in one stage. */
export function outsideCallsAt(
  turn: OpenTurn | undefined,
  stage: OpenCall['stage'],
): WaitingCall[] {
  if (!turn) return []
  const calls = outsideCalls(turn.state).filter((open) => open.stage === stage)
  return calls.map((open) => ({ turn, open }))
}

const outsideCalls = (state: TurnState) =>
  callsOf(state).filter((call) => isOutside(call) && !call.outcome)

/** Ends the calls of a parked turn that have timed out. */
export async function expireCalls(node: Node, ref: TurnRef): Promise<void> {
  const answered = await resolveWait(node, node.db, ref, (turn) => {
    if (turn?.turnId !== ref.turnId) return []
    const isDue = ({ expiresAt }: OpenCall) => Date.parse(expiresAt!) <= turn.now
    const due = outsideCalls(turn.state).filter(isDue)
    return due.flatMap((call) => expiryOf(call, turn))
  }).catch((error) => {
    if (error instanceof ApiError && error.code === 'not_found') return undefined
    throw error
  })
  answered?.publish()
}

function expiryOf(open: OpenCall, turn: OpenTurn): Draft[] {
  const { call } = open
  const context = turn.contextOf(open)
  if (open.stage === 'input') {
    return [questionDraft(open, context, { outcome: expiredOutcomeOf(open.questions) })]
  }
  const cause = open.stage === 'asked' ? 'No decision was made' : 'The client did not answer'
  const outcome = makeDraft('tool.completed', context, expiredOutcome(call, cause))
  if (open.stage !== 'asked') return [outcome]
  const about = { tool_call_id: call.id, tool_name: call.name, decision: 'expired' as const }
  return [makeDraft('tool.approval_resolved', context, about), outcome]
}
