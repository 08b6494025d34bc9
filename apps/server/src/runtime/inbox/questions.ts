import type { QuestionAnswers, QuestionOutcome } from '@outlast/contract'
import { deciderOf } from '../../access/grants.ts'
import type { Principal } from '../../access/principal.ts'
import { ApiError } from '../../errors.ts'
import type { Db } from '../../store/database.ts'
import { hideSecret, storeSecrets } from '../../store/files/stored-secrets.ts'
import type { OpenCall } from '../log/open-calls.ts'
import { callsOf } from '../log/state.ts'
import type { Node } from '../node.ts'
import { questionDraft } from '../tools/questions.ts'
import type { TurnRef } from './cancel.ts'
import { outcomeFor, refTo } from './question-answers.ts'
import {
  findOpenTurn,
  type OpenTurn,
  outsideCallsAt,
  resolveWait,
  type WaitingCall,
} from './waiting.ts'

type Answering = {
  body: QuestionAnswers
  by: Pick<Principal, 'kind' | 'id' | 'name' | 'grants' | 'endUser'>
}

export type AnsweredSet = {
  callId: string
  outcome: QuestionOutcome
  /** Name of the secret that was stored. */
  secretName: string | undefined
  publish: () => void
}

/**
 * Stores answers to questions, and a secret among them, in the transaction of the caller.
 * Contract: throws 404; `question_not_waiting`; 400 for answers that do not fit the questions; and
 * `not_granted` when a session token answers with a secret.
 */
export async function answerQuestions(
  node: Node,
  db: Db,
  ref: Omit<TurnRef, 'turnId'>,
  { body, by }: Answering,
): Promise<AnsweredSet> {
  // The secret is checked and stored before the answer: both are committed together.
  const asked = findWaitingSet(await findOpenTurn(db, ref), body).open
  outcomeFor(asked.questions, body)
  const callId = asked.call.id
  const named = { tool_call_id: callId, asked_at: asked.askedAt }
  const secretName = await keepSecret(node, db, ref, { asked, body, by })
  const decidedBy = deciderOf(by)
  let outcome: QuestionOutcome | undefined
  const answered = await resolveWait(node, db, ref, (current) => {
    const { turn, open } = findWaitingSet(current, named)
    outcome = outcomeFor(open.questions, body)
    return [questionDraft(open, turn.contextOf(open), { outcome, by: decidedBy })]
  })
  return { callId, outcome: outcome!, secretName, publish: answered!.publish }
}

/** Finds the set of questions that waits. Contract: throws 404 and `question_not_waiting`. */
function findWaitingSet(
  turn: OpenTurn | undefined,
  { tool_call_id: callId, asked_at: askedAt }: Pick<QuestionAnswers, 'tool_call_id' | 'asked_at'>,
): WaitingCall {
  const sets = outsideCallsAt(turn, 'input').filter(isInTime).filter(wasAskedAt(askedAt))
  const [first, ...others] = sets
  if (!first) throw new ApiError('question_not_waiting')
  if (callId == null) {
    if (others.length === 0) return first
    throw new ApiError('question_not_named', sets.map(({ open }) => open.call.id).join(', '))
  }
  const found = sets.find(({ open }) => open.call.id === callId)
  if (found) return found
  const isKnown = callsOf(first.turn.state).some(({ call }) => call.id === callId)
  throw isKnown ? new ApiError('question_not_waiting') : new ApiError('not_found', 'Question')
}

/** Not between the end of the time to answer and the event that records it. */
const isInTime = ({ turn, open }: WaitingCall) => Date.parse(open.expiresAt!) > turn.now

/** One call may ask several times: an answer to an earlier set does not fit a later one. */
const wasAskedAt =
  (time: string | null | undefined) =>
  ({ open }: WaitingCall) =>
    time == null || Date.parse(open.askedAt!) === Date.parse(time)

type Keeping = Answering & { asked: OpenCall }

/**
 * Stores the secret of an answer, or checks that the named one is stored, and hides it from the
 * model: its value would reach the log with the result of a tool. Returns its name if it is new.
 */
async function keepSecret(
  { secrets, quotas }: Node,
  db: Db,
  { orgId, sessionId }: Omit<TurnRef, 'turnId'>,
  { asked, body, by }: Keeping,
): Promise<string | undefined> {
  const [question] = asked.questions
  const name = question?.secret_name
  const answer = body.answers?.find(({ id }) => id === question?.id)
  if (body.status === 'declined' || name === undefined || !answer) return undefined
  if (by.grants) throw new ApiError('not_granted', 'secrets')
  const { secret, secret_ref } = answer
  if (secret === undefined) {
    const isStored = secret_ref === refTo(question!) && (await hideSecret(db, sessionId, name))
    if (!isStored) throw new ApiError('secret_not_stored', name)
    return undefined
  }
  await quotas.checkStorage(db, orgId)
  const of = { orgId, sessionId, secrets }
  await storeSecrets(db, of, { [name]: secret }, { isHidden: true })
  return name
}
