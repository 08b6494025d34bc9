/** Submits outputs of client tools, decisions on approvals, and answers to questions. */
import {
  checkGrants,
  checkToolResult,
  type TokenLevel,
  type TokenNeed,
} from '../../../access/grants.ts'
import type { Principal } from '../../../access/principal.ts'
import { ApiError } from '../../../errors.ts'
import { isJsonObject } from '../../../json.ts'
import { type CallAnswers, submitAnswers } from '../../adapters/call-answers.ts'
import { answerTypes, type Waits, waitsAfter } from '../../adapters/waiting-calls.ts'
import type { Begin } from './begin.ts'
import { invalidParam } from './errors.ts'
import type { InputAnswer } from './items.ts'
import type { CallPlace, ResponsePlace } from './place.ts'
import { eventsOf } from './reading.ts'
import { hasJoined } from './repeat.ts'

/**
 * Submits all answers, and returns the response that begins with the first of them. Calls that were
 * answered before keep that answer, if another one still waits: an earlier request was stored in
 * part.
 */
export async function answer(
  begin: Begin,
  answers: readonly InputAnswer[],
  earlier: ResponsePlace | undefined,
): Promise<ResponsePlace> {
  const found = answers.map((one) => ({ ...one, ...placeOf(one, earlier) }))
  const { sessionId, message } = found[0]!
  const other = found.find((one) => one.sessionId !== sessionId || one.message !== message)
  if (other) throw invalidParam(other.param, 'answers a call of another response')
  const waits = await waitsAfter(begin.calls.read, { sessionId, after: message })
  const { waiting, last } = waits
  const placed = found.map((one) => {
    return { ...one, isDue: isAwaited(waits, one), at: givenAt(waits, one) }
  })
  const isNew = placed.some(({ isDue }) => isDue)
  const starts = placed.flatMap(({ at }) => at ?? [])
  if (!isNew && begin.repeat.isRepeated && starts.length > 0) {
    return { sessionId, message, start: Math.min(...starts) }
  }
  for (const { param, callId, wireId, isDue, at } of placed) {
    if (isDue || (at === undefined ? waiting.has(callId) : isNew)) continue
    throw invalidParam(param, `answers ${wireId.slice(0, 200)}, which is not waiting`)
  }
  const left = [...waiting.keys()].find((id) => placed.every(({ callId }) => callId !== id))
  if (left !== undefined) throw invalidParam('input', `has no answer to ${left}, which waits too`)
  const isKept = ({ isDue, at }: (typeof placed)[number]) => !isDue && at !== undefined
  // It refuses an answer of the wrong kind.
  await submit(begin, sessionId, { placed: placed.filter((one) => !isKept(one)), waits })
  const before = placed.filter(isKept).map(({ at }) => at! - 1)
  const range = { after: Math.min(last, ...before), limit: 1, types: [...answerTypes] }
  const [first] = await eventsOf(begin.calls, sessionId, range)
  if (!first?.sequence) throw new ApiError('session_changing')
  return { sessionId, message, start: first.sequence }
}

/** True if a call waits for an answer of this kind: one can wait for an approval, then to run. */
const isAwaited = ({ waiting }: Waits, { callId, kind }: Placed) =>
  waiting.has(callId) && (waiting.get(callId) === 'approval') === (kind === 'approval')

/** The position of the latest answer of this kind to a call. */
const givenAt = ({ approved, answered }: Waits, { callId, kind }: Placed) =>
  (kind === 'approval' ? approved : answered).get(callId)

/**
 * True if a session waits for the answers and for no other ones, or if the first request has stored
 * them with its message.
 */
export async function areAwaited(
  { calls, repeat }: Begin,
  answers: readonly InputAnswer[],
): Promise<boolean> {
  const [place] = answers.map((one) => one.place)
  const isOfTurn = (other: CallPlace | undefined) =>
    other?.sessionId === place?.sessionId && other?.message === place?.message
  if (!place || !answers.every((one) => isOfTurn(one.place))) return false
  const { sessionId, message: after } = place
  const waits = await waitsAfter(calls.read, { sessionId, after }).catch(asUnknown)
  if (!waits) return false
  if (await hasJoined(calls, repeat, { sessionId, after })) return true
  const callIds = answers.map((one) => one.place?.callId ?? '')
  const waiting = [...waits.waiting.keys()]
  return waiting.length > 0 && waiting.every((id) => callIds.includes(id))
}

/** Treats calls of a session that the caller has not as history. */
function asUnknown(error: unknown): undefined {
  if (!(error instanceof ApiError && error.status === 404)) throw error
}

function placeOf({ place, param, wireId }: InputAnswer, earlier: ResponsePlace | undefined) {
  const found: CallPlace | undefined = place ?? (earlier && { ...earlier, callId: wireId })
  if (!found) throw invalidParam(param, 'answers a call that this server did not make')
  if (earlier && (found.sessionId !== earlier.sessionId || found.message !== earlier.message)) {
    throw invalidParam(param, 'answers a call of another response')
  }
  return found
}

type Placed = InputAnswer & CallPlace

async function submit(
  { calls }: Begin,
  sessionId: string,
  { placed, waits: { waiting, tools } }: { placed: readonly Placed[]; waits: Waits },
): Promise<void> {
  const isOf = (type: string) => (one: Placed) => waiting.get(one.callId) === type
  const decisions = placed.filter(isOf('approval')).map((one) => {
    if (one.kind !== 'approval') throw invalidParam(one.param, 'must be an mcp_approval_response')
    const { callId: tool_call_id, approve, reason } = one
    return { tool_call_id, decision: approve ? 'approve' : 'deny', ...(reason && { reason }) }
  })
  const outputOf = (one: Placed) => {
    if (one.kind === 'output') return { tool_call_id: one.callId, output: one.output }
    throw invalidParam(one.param, 'must be a function_call_output')
  }
  const replies = placed.filter(isOf('input')).map((one) => {
    const { tool_call_id, output } = outputOf(one)
    return { ...(isJsonObject(output) ? output : { answers: [] }), tool_call_id }
  })
  const results = placed.filter(isOf('tool_results')).map((one) => {
    const { tool_call_id, output: result } = outputOf(one)
    return { tool_call_id, result }
  })
  const given = { decisions, replies, results }
  checkAnswers(calls.request.principal, given, tools)
  await submitAnswers(calls, sessionId, given)
}

/** Contract: throws 403 before an answer is stored, if a token may not send one of them. */
function checkAnswers(
  principal: Principal,
  { decisions, replies, results }: CallAnswers,
  tools: Waits['tools'],
): void {
  const check = (operation: string, level: TokenLevel, need?: TokenNeed) =>
    checkGrants(principal, { operation, level, need })
  if (decisions.length > 0) check('decide_tool_calls', 'approve')
  if (replies.length > 0) check('submit_question_answers', 'write')
  if (results.length > 0) check('submit_tool_results', 'write', 'tool_results')
  for (const { tool_call_id: id } of results) checkToolResult(principal, tools.get(id) ?? '')
}
