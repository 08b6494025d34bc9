/** The session of a thread, and its messages for a client that opens it again. */
import type { AgUiQuery, AgUiThread, Message, RunAgentInput, Session } from '@outlast/contract'
import type { AgUiRun } from '@outlast/contract/folds/ag-ui'
import { agUiMessages, uiMessages } from '@outlast/contract/folds/ag-ui-messages'
import { interruptsOf } from '@outlast/contract/folds/ag-ui-state'
import type { FastifyRequest } from 'fastify'
import type { Principal } from '../../../access/principal.ts'
import { ApiError } from '../../../errors.ts'
import { readBackwards } from '../../../store/log/events.ts'
import { findLatestRun, findRunById } from '../../../store/sessions/ag-ui-runs.ts'
import { findSequence, messageBatches } from '../../../store/sessions/messages.ts'
import type { InnerCalls } from '../../adapters/inner-calls.ts'
import { findKeyedSession } from '../../adapters/keyed-session.ts'
import { createOrFindSession } from '../../adapters/new-session.ts'
import { messageView } from '../../security/token-view.ts'
import { type OpenedRun, stateBefore } from './run-events.ts'
import { runPartsOf, seedsOfHistory } from './run-input.ts'

type Request = Pick<FastifyRequest, 'principal' | 'db'>

const isToken = ({ kind, endUser }: Principal) => kind === 'token' || endUser !== undefined

/** Finds or creates the session of a thread. The history of a client begins a new one only. */
export async function sessionOfThread(
  request: Request,
  calls: InnerCalls,
  agentId: string,
  input: RunAgentInput,
) {
  const key = input.threadId
  const seeds = isToken(request.principal) ? [] : seedsOfHistory(runPartsOf(input).history)
  const isKnown =
    seeds.length > 0 && (await findKeyedSession(calls, request, { agentId, key })) !== undefined
  const wanted = {
    agent_id: agentId,
    key,
    ...(!isKnown && seeds.length > 0 && { messages: seeds }),
  }
  return createOrFindSession(calls, wanted)
}

const pageMax = 1_000
/** Length of a page as JSON: a message can have 8 MiB. */
const lengthMax = 32 * 1024 * 1024

const nothing: AgUiThread = {
  messages: [],
  activeRun: null,
  interrupts: null,
  page: { truncated: false },
}

/** Reads a page of the messages of a thread. A thread without a session has none. */
export async function readThread(
  request: Request,
  calls: InnerCalls,
  agentId: string,
  query: AgUiQuery & { threadId: string },
): Promise<AgUiThread> {
  const name = { agentId, key: query.threadId }
  const session = await findKeyedSession(calls, request, name)
  if (!session) return nothing
  const active = await activeRunOf(request, session)
  const { messages, first } = await readPageOf(request, calls, session.id, query)
  const waits = active && session.waiting_for
  const isShown = ({ role, sequence }: Message) =>
    !active || waits || role === 'user' || sequence <= active.after
  const shown = agUiMessages(messages.filter(isShown))
  const pending = waits ? await interruptsIn(request, session, active) : []
  return {
    messages: query.format === 'ag-ui' ? shown : uiMessages(shown),
    activeRun: active && !waits ? { runId: active.runId } : null,
    interrupts:
      pending.length > 0
        ? { runId: active!.runId, pending: pending.map((one) => ({ ...one })) }
        : null,
    page: first > 0 ? { truncated: true, cursor: String(first) } : { truncated: false },
  }
}

/** Messages that are read in addition if a page has nothing but the results of one reply. */
const resultsMax = 256

/**
 * The messages before a cursor: fewer, if they are long. A page begins with no results: their calls
 * are before it. It has more if all are results, so that each page leads to the one before it.
 */
async function readPageOf(
  request: Request,
  { run }: InnerCalls,
  sessionId: string,
  { limit = pageMax, before }: Pick<AgUiQuery, 'limit' | 'before'>,
) {
  const { db, principal } = request
  // The operation decides whether the caller may read them.
  const path = `/v1/sessions/${sessionId}/messages?limit=1`
  const { total } = await run<{ total: number }>('GET', path)
  const end = before === undefined ? total : Math.min(total, Number(before))
  const upTo = (await findSequence(db, principal.orgId, sessionId)) ?? 0
  for (let length = limit; ; length = 2 * length + resultsMax) {
    const from = Math.max(0, end - length)
    const range = await readRange(request, sessionId, { upTo, from, end })
    const { messages, first } = range
    const cut = first === 0 ? 0 : messages.findIndex(({ role }) => role !== 'tool_result')
    if (cut !== -1) return { ...range, messages: messages.slice(cut), first: first + cut }
    // Results that are too long for one page stay, without their calls.
    if (first > from) return range
  }
}

type MessageRange = { upTo: number; from: number; end: number }

/** The last messages of a range that are not too long together, and the place of their first. */
async function readRange(
  { db, principal }: Request,
  sessionId: string,
  { upTo, from, end }: MessageRange,
) {
  const read = { upTo, offset: from, limit: end - from, view: messageView(principal) }
  const kept: string[] = []
  let length = 0
  let dropped = 0
  for await (const batch of messageBatches(db, sessionId, read)) {
    for (const json of batch) {
      kept.push(json)
      length += json.length
      while (length > lengthMax && kept.length > 1) {
        length -= kept.shift()!.length
        dropped += 1
      }
    }
  }
  const messages = kept.map((json) => JSON.parse(json) as Message)
  return { messages, first: from + dropped, length }
}

type ActiveRun = { runId: string; after: number }

/** The latest run of a session whose turn runs or waits. */
async function activeRunOf({ db, principal }: Request, { id, status }: Session) {
  if (status !== 'active') return undefined
  const stored = await findLatestRun(db, { orgId: principal.orgId, sessionId: id })
  const type = ['session.activated', 'input.message'] as const
  const [latest] = await readBackwards(db, id, { type, before: 2 ** 31 - 1, limit: 1 })
  const begun = (latest?.sequence ?? 1) - 1
  // A turn that another client began has no run of its own.
  if (stored && stored.after_sequence >= begun - 1) {
    return { runId: stored.run_id, after: stored.after_sequence }
  }
  return { runId: `${id}:${begun}`, after: begun }
}

async function interruptsIn(request: Request, { id }: Session, { runId }: ActiveRun) {
  const after = (await findSequence(request.db, request.principal.orgId, id)) ?? 0
  const run = attaching({ threadId: '', runId })
  return interruptsOf(await stateBefore(request, { sessionId: id, after, run }))
}

const attaching = (names: { threadId: string; runId: string }): AgUiRun => ({
  ...names,
  isCurrent: true,
  kind: 'attach',
  answered: [],
  results: [],
  history: [],
})

const unstored = /^(session_[0-9a-f]{32}):(\d{1,9})$/

/** Where a run begins that `activeRunOf` has named, by its id; undefined for one of a client. */
export function unstoredRun(runId: string): { sessionId: string; after: number } | undefined {
  const [, sessionId, after] = unstored.exec(runId) ?? []
  return sessionId === undefined ? undefined : { sessionId, after: Number(after) }
}

/** Finds a run by its id. Contract: throws 404. */
export async function findRunToJoin(
  request: Request,
  calls: InnerCalls,
  agentId: string,
  runId: string,
): Promise<OpenedRun> {
  const { principal, db } = request
  const { orgId, endUser: scope, sessionId: ofToken } = principal
  const named = unstoredRun(runId)
  const stored = await findRunById(db, { orgId, runId, agentId, scope, sessionId: ofToken })
  const sessionId = stored?.session_id ?? named?.sessionId
  if (sessionId === undefined) throw new ApiError('not_found', 'Run')
  const session = await calls.run<Session>('GET', `/v1/sessions/${sessionId}`)
  const after = stored?.after_sequence ?? named?.after ?? 0
  const last = (await findSequence(db, orgId, sessionId)) ?? 0
  if (session.agent_id !== agentId || after > last) throw new ApiError('not_found', 'Run')
  const { messages, length } = await readPageOf(request, calls, sessionId, {})
  const run: AgUiRun = {
    ...attaching({ threadId: session.key ?? sessionId, runId }),
    kind: stored?.kind ?? 'answers',
    ...(stored?.message_id && { messageId: stored.message_id }),
    answered: stored?.answered ?? [],
    history: agUiMessages(
      messages.filter(({ role, sequence }) => sequence <= after || role === 'user'),
    ),
  }
  return { sessionId, after, run, historyLength: length }
}
