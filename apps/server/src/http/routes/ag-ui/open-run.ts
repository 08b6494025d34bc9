import type { RunAgentInput, Session } from '@outlast/contract'
import type { FastifyRequest } from 'fastify'
import { ApiError } from '../../../errors.ts'
import { readBackwards } from '../../../store/log/events.ts'
import { deleteRun, findRun, type StoredRun, storeRun } from '../../../store/sessions/ag-ui-runs.ts'
import { findSequence } from '../../../store/sessions/messages.ts'
import { againIfChanged } from '../../adapters/again-if-changed.ts'
import { submitAnswers } from '../../adapters/call-answers.ts'
import { type FoundInput, inputFinder } from '../../adapters/find-input.ts'
import type { InnerCalls } from '../../adapters/inner-calls.ts'
import { findKeyedSession } from '../../adapters/keyed-session.ts'
import { logReader } from '../../adapters/read-log.ts'
import { retakeNow } from '../../adapters/retake.ts'
import { listEvents } from '../../adapters/session-events.ts'
import { answerTypes, type WaitingCalls, waitsNow } from '../../adapters/waiting-calls.ts'
import type { Api } from '../../core/api.ts'
import type { OpenedRun } from './run-events.ts'
import {
  type AskedQuestion,
  answersOf,
  clientResults,
  decisionOf,
  keptMessages,
  messageRequest,
  resultsOf,
  runKey,
  runPartsOf,
} from './run-input.ts'
import { sessionOfThread, unstoredRun } from './thread.ts'

type Request = Pick<FastifyRequest, 'principal' | 'db'>

/** A run that cannot begin, for the client. */
export type RefusedRun = { code: 'interrupts_open' | 'interrupt_unknown'; message: string }

/** The input of a run with its session. */
type Given = {
  node: Api['node']
  request: Request
  calls: InnerCalls
  input: RunAgentInput
  session: Session
}

/** Sends the input of a new run to its session. A known run, and one without input, attaches. */
export async function openRun(
  { node, request, calls }: Pick<Given, 'node' | 'request' | 'calls'>,
  agentId: string,
  input: RunAgentInput,
): Promise<OpenedRun | RefusedRun> {
  const named = unstoredRun(input.runId)
  if (named) return joinNamed({ request, calls, input }, agentId, named)
  const { session, isNew } = await sessionOfThread(request, calls, agentId, input)
  const given = { node, request, calls, input, session }
  const { orgId } = request.principal
  const of = { orgId, sessionId: session.id, runId: input.runId }
  const [known, message] = await Promise.all([
    findRun(request.db, of),
    isNew ? undefined : findMessage(given),
  ])
  if (known) {
    const { after_sequence: after, kind, message_id, answered } = known
    if (kind === 'answers') await sendMissingInput(given, { known, message })
    return opened(given, { after, kind, answered, messageId: message_id ?? undefined })
  }
  const answered = await answerInterrupts(given)
  const last = runPartsOf(input).added.at(-1)
  if (answered && ('code' in answered || !last || message)) return answered
  if (!last) return attach(given)
  return message ? takeAgain(given, message, last) : sendMessage(given)
}

type Begun = {
  after: number
  kind: OpenedRun['run']['kind']
  answered?: readonly string[]
  messageId?: string | undefined
}

function opened(
  { input, session }: Pick<Given, 'input' | 'session'>,
  { answered = [], messageId, ...begun }: Begun,
) {
  const { threadId, runId, parentRunId, protocolVersion, messages } = input
  return {
    sessionId: session.id,
    after: begun.after,
    run: {
      threadId,
      runId,
      ...(parentRunId !== undefined && { parentRunId }),
      isCurrent: protocolVersion !== undefined,
      kind: begun.kind,
      ...(messageId !== undefined && { messageId }),
      answered,
      results: clientResults(messages),
      history: keptMessages(input),
    },
  }
}

/** Attaches to a run that the server has named. Contract: throws 404 unless it is of the thread. */
async function joinNamed(
  { request, calls, input }: Pick<Given, 'request' | 'calls' | 'input'>,
  agentId: string,
  { sessionId, after }: { sessionId: string; after: number },
): Promise<OpenedRun> {
  const session = await findKeyedSession(calls, request, { agentId, key: input.threadId })
  if (session?.id !== sessionId || after > (await currentSequence({ request, session }))) {
    throw new ApiError('not_found', 'Run')
  }
  return opened({ input, session }, { after, kind: 'answers' })
}

const currentSequence = async ({
  request: { db, principal },
  session,
}: Pick<Given, 'request' | 'session'>) => (await findSequence(db, principal.orgId, session.id)) ?? 0

/** Attaches to the turn that runs or waits. */
async function attach(given: Given): Promise<OpenedRun> {
  const { request, session } = given
  const after = await currentSequence(given)
  const type = ['session.activated', 'input.message', 'session.idled'] as const
  const [latest] = await readBackwards(request.db, session.id, {
    type,
    before: after + 1,
    limit: 1,
  })
  const isIdle = session.status !== 'active' || latest?.type === 'session.idled'
  return opened(given, { after, kind: isIdle ? 'idle' : 'attach' })
}

/**
 * Answers interrupts, and sends results of client tools. Undefined if the input has neither.
 * Answers to waits that are over attach to the rest of their turn.
 */
async function answerInterrupts(given: Given): Promise<OpenedRun | RefusedRun | undefined> {
  const { request, input, session } = given
  const { resume = [], messages } = input
  const { waiting, unpaidTurn } = await waitsIn(given)
  const budget = unpaidTurn && budgetInterrupt(unpaidTurn)
  const results = resultsOf(messages, waiting)
  const answers = resume.filter(({ interruptId: id }) => id === budget || waiting.has(id))
  const hasInput = resume.length + results.length + runPartsOf(input).added.length > 0
  const calls = [...waiting].flatMap(([id, type]) => (type === 'tool_results' ? [] : id))
  const asked = budget ? [...calls, budget] : calls
  const left = asked.filter((id) => !resume.some(({ interruptId }) => interruptId === id))
  if (hasInput && left.length > 0) {
    const message = `\`resume\` must answer all open interrupts: ${left.join(', ')}.`
    return { code: 'interrupts_open', message }
  }
  const past = resume.map(({ interruptId }) => interruptId).filter((id) => !asked.includes(id))
  const others = past.filter((id) => !isBudget(id))
  const decidedAt = others.length > 0 ? await decidedBefore(given, others) : undefined
  if (others.length > 0 && decidedAt === undefined) return unknownInterrupts(others)
  if (answers.some(({ interruptId: id, status }) => isBudget(id) && status === 'cancelled')) {
    return cancelUnpaidTurn(given)
  }
  const decided = answers.filter(({ interruptId }) => !isBudget(interruptId))
  if (decided.length + results.length === 0) return followRest(given, { past, decidedAt })
  const answered = [
    ...decided.map(({ interruptId }) => interruptId),
    ...results.map((r) => r.tool_call_id),
  ]
  const after = Math.min(await currentSequence(given), decidedAt ?? Number.POSITIVE_INFINITY)
  const of = { orgId: request.principal.orgId, sessionId: session.id, runId: input.runId }
  const begun = { after, kind: 'answers' as const, answered: [...answered, ...others] }
  const stored = { run_id: input.runId, after_sequence: after, message_id: null }
  await storeRun(request.db, of, { ...stored, kind: begun.kind, answered: begun.answered })
  try {
    await submit(given, { answers: decided, results, waiting })
  } catch (error) {
    await deleteRun(request.db, of)
    throw error
  }
  return opened(given, begun)
}

const unknownInterrupts = (ids: readonly string[]): RefusedRun => ({
  code: 'interrupt_unknown',
  message: `The thread has not asked for ${ids.join(', ')}.`,
})

/**
 * Attaches to the rest of a turn whose waits ended without this run: other clients answered, a call
 * timed out, or a budget has more. Undefined if the input answers none.
 */
async function followRest(
  given: Given,
  { past, decidedAt = 0 }: { past: readonly string[]; decidedAt: number | undefined },
): Promise<OpenedRun | RefusedRun | undefined> {
  const { resume = [], messages } = given.input
  if (resume.length === 0) {
    const late = clientResults(messages.slice(messages.findLastIndex(isNoResult) + 1))
    const after = late.length > 0 ? await decidedBefore(given, late, ['tool.completed']) : undefined
    return after === undefined
      ? undefined
      : opened(given, { after, kind: 'answers', answered: late })
  }
  const budgets = past.filter(isBudget)
  const paidAt = budgets.length > 0 ? await lastBlocked(given, budgets) : 0
  if (paidAt === undefined) return unknownInterrupts(budgets)
  const after = Math.max(decidedAt, paidAt)
  return after > 0 ? opened(given, { after, kind: 'answers', answered: past }) : attach(given)
}

const isNoResult = ({ role }: RunAgentInput['messages'][number]) => role !== 'tool'

/**
 * Sends what the log lacks of a run of answers: its node may have ended before it sent all. Answers
 * that the log has stay.
 */
async function sendMissingInput(
  given: Given,
  { known, message }: { known: StoredRun; message: FoundInput | undefined },
): Promise<void> {
  const { node, request, input, session } = given
  const { waiting } = await waitsIn(given)
  const left = new Set(known.answered.filter((id) => waiting.has(id)))
  if (left.size > 0) {
    // A later call of the turn can have the id of one that was answered.
    const range = { after: known.after_sequence, types: answerTypes }
    await logReader({ node }, request)(session.id, range, ({ data }) => {
      if ('tool_call_id' in data) left.delete(String(data.tool_call_id))
      return left.size === 0
    })
  }
  const open = new Map([...waiting].filter(([id]) => left.has(id)))
  const answers = (input.resume ?? []).filter(({ interruptId }) => open.has(interruptId))
  await submit(given, { answers, results: resultsOf(input.messages, open), waiting: open })
  if (!message && runPartsOf(input).added.length > 0) await sendMessage(given)
}

async function cancelUnpaidTurn(given: Given): Promise<OpenedRun> {
  const after = await currentSequence(given)
  await given.calls.run('POST', `/v1/sessions/${given.session.id}/cancel`)
  return opened(given, { after, kind: 'answers' })
}

type Answers = {
  answers: NonNullable<RunAgentInput['resume']>
  results: ReturnType<typeof resultsOf>
  waiting: WaitingCalls
}

async function submit({ calls, session }: Given, { answers, results, waiting }: Answers) {
  const isOf = (type: string) => (answer: Answers['answers'][number]) =>
    waiting.get(answer.interruptId) === type
  const decisions = answers.filter(isOf('approval')).map(decisionOf)
  const asked = answers.filter(isOf('input'))
  const questions = asked.length > 0 ? await questionsByCall(calls, session.id) : new Map()
  const replies = asked.map((entry) => answersOf(entry, questions.get(entry.interruptId) ?? []))
  const given = { decisions, replies, results }
  await submitAnswers(calls, session.id, given, { skipAnswered: true })
}

/** The questions of each call that asks. */
async function questionsByCall(calls: InnerCalls, sessionId: string) {
  const query = { types: 'tool.call_requested', order_desc: true, limit: 100 }
  const events = await listEvents<'tool.call_requested'>(calls, sessionId, query)
  const asked = events.flatMap(({ data: { tool_calls, input } }) =>
    input ? tool_calls.map(({ id }) => [id, input.questions as AskedQuestion[]] as const) : [],
  )
  return new Map(asked)
}

const budgetInterrupt = (turnId: string) => `${turnId}:budget`
const isBudget = (interruptId: string) => interruptId.endsWith(':budget')

/** The waits of the turn in the log: a client may answer before the turn is parked. */
async function waitsIn({ node, request, calls, session }: Given) {
  if (session.status === 'active') return waitsNow(calls, logReader({ node }, request), session.id)
  return { waiting: new Map(), unpaidTurn: undefined }
}

/**
 * Finds the sequence before calls were decided elsewhere, for a client that learns of it now.
 * Undefined if the session has not asked for one of them.
 */
async function decidedBefore(
  { calls, session }: Given,
  ids: readonly string[],
  types: readonly (typeof answerTypes)[number][] = answerTypes,
) {
  const query = { types: types.join(), order_desc: true, limit: 1000 }
  const events = await listEvents<(typeof answerTypes)[number]>(calls, session.id, query)
  const found = events.filter(({ data }) => ids.includes(data.tool_call_id) && !isImported(data))
  const isKnown = ids.every((id) => found.some(({ data }) => data.tool_call_id === id))
  return isKnown ? Math.min(...found.map(({ sequence = 1 }) => sequence)) - 1 : undefined
}

/** True for the outcome of a call in the history with which the session began. */
const isImported = (data: object) => 'imported' in data && data.imported === true

/**
 * Finds the last event that made turns wait for a budget, by their interrupts. Undefined if one of
 * them has not waited.
 */
async function lastBlocked({ calls, session }: Given, interrupts: readonly string[]) {
  const query = { types: 'budget.exhausted,budget.paused', order_desc: true, limit: 1000 }
  const events = await listEvents(calls, session.id, query)
  const found = interrupts.map((id) =>
    events.find(({ context: { turn_id: turn } }) => turn && budgetInterrupt(turn) === id),
  )
  if (found.includes(undefined)) return undefined
  return Math.max(...found.map((event) => event?.sequence ?? 0))
}

/** Sends the messages of the user. They end a wait for the client: queued, they would wait too. */
async function sendMessage(given: Given): Promise<OpenedRun> {
  const { calls, input, request } = given
  const { grants } = request.principal
  const message = messageRequest(input, runPartsOf(input).added, grants?.tool_results)
  const { posted, session } = await againIfChanged(async (tries) => {
    const session =
      tries === 1
        ? given.session
        : (await sessionOfThread(request, calls, given.session.agent_id, input)).session
    const now = { ...given, session }
    const if_sequence = session.status === 'active' ? await currentSequence(now) : undefined
    const { waiting } = await waitsIn(now)
    const busy = waiting.size > 0 && { on_busy: 'interrupt', if_sequence }
    const body = { ...message, ...busy, if_key: input.threadId }
    const key = tries === 1 ? runKey(input) : `${runKey(input)}:${session.id}:${if_sequence}`
    const path = `/v1/sessions/${session.id}/messages`
    const headers = { 'idempotency-key': key }
    const sent = await calls.call<{ sequence: number }>('POST', path, body, headers)
    return { posted: sent.status >= 400 ? calls.fail(sent) : sent, session }
  })
  const begun = { after: posted.body.sequence - 1, kind: 'message' as const }
  const run = opened({ input, session }, begun)
  if (posted.headers['idempotency-replayed'] !== 'true') return { ...run, isNew: true }
  await storeBegun(request, run)
  return run
}

/** Stores where a run begins that a message began. */
export function storeBegun(
  { db, principal: { orgId } }: Request,
  { sessionId, after, run: { runId, messageId } }: OpenedRun,
): Promise<void> {
  const begun = { run_id: runId, after_sequence: after, message_id: messageId ?? null }
  return storeRun(db, { orgId, sessionId, runId }, { ...begun, kind: 'message', answered: [] })
}

/** Messages among which the last one of a request is looked for: mostly it is a new one. */
const latestInputs = 200

/** Finds the last message of the request, if the session has it. Empty ids name no message. */
async function findMessage({ node, request, session, input }: Given) {
  const id = runPartsOf(input).added.at(-1)?.id
  return id ? inputFinder({ node }, request)(session.id, id, { latest: latestInputs }) : undefined
}

/**
 * Runs a message of the session again: the client regenerates its answer, or has edited it. A
 * repeat attaches, as does a client that asks for the latest answer while its turn runs.
 */
async function takeAgain(
  given: Given,
  { event, isLatest }: FoundInput,
  message: RunAgentInput['messages'][number],
): Promise<OpenedRun> {
  const { calls, input, session } = given
  const { grants } = given.request.principal
  const { id, content, metadata } = event.data.message
  const wanted = messageRequest(input, [message], grants?.tool_results)
  const isEdited = JSON.stringify(wanted.message.content) !== JSON.stringify(content)
  const isRepeat = metadata?.run_id === input.runId
  if (isRepeat || (!isEdited && isLatest && session.status === 'active')) {
    return opened(given, { after: event.sequence! - 1, kind: 'message', messageId: id })
  }
  // A token sends no facts: those of the message stay.
  const { context = grants ? undefined : [] } = wanted
  const body = { message_id: id, ...(isEdited && { message: wanted.message }), context }
  const taken = await retakeNow(calls, session.id, body)
  const { id: messageId, sequence } = taken.message
  const begun = { after: sequence - 1, kind: 'message' as const, messageId }
  return { ...opened({ ...given, session: taken.session }, begun), isNew: true }
}
