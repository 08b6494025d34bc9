import {
  beginResponse,
  chunkAfter,
  foldResponse,
  type ResponseChunk,
  type ResponseFacts,
  type ResponseState,
  responseOf,
} from '@outlast/contract/folds/openai'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { ApiError } from '../../../errors.ts'
import { findCurrentTurn } from '../../../store/turns/turns.ts'
import { streamTurn, waitForTurn } from '../../adapters/turn-stream.ts'
import { answerTypes, isUnpaid, waitsNow } from '../../adapters/waiting-calls.ts'
import { dropBody } from '../../core/body.ts'
import { messageBytesMax } from '../messages/messages.ts'
import { beginFor } from './begin.ts'
import { type ItemsQuery, itemRange } from './conversations.ts'
import { beginAsked } from './create.ts'
import { interruption, invalidParam } from './errors.ts'
import { conversationId, parseResponseId, type ResponsePlace } from './place.ts'
import { adapterClient, type Client, eventsOf, locate, readResponse } from './reading.ts'
import { readRequest } from './request.ts'
import { hidden, type OpenAI } from './routes.ts'
import { itemPage, itemsAfter, openTranscript } from './transcript.ts'

type Params = { response_id: string }

export function responseRoutes(openai: OpenAI): void {
  createRoute(openai)
  readRoutes(openai)
  inputRoute(openai)
  responseChangeRoutes(openai)
}

function createRoute(openai: OpenAI): void {
  const { scope, api } = openai
  scope.route<{ Body: unknown }>({
    method: 'POST',
    url: '/responses',
    bodyLimit: messageBytesMax,
    config: { access: 'adapter', allowsNul: true },
    schema: hidden('create_openai_response'),
    async handler(request, reply) {
      const asked = readRequest(request.body)
      if (!asked.store) checkDiscard(request)
      const calls = adapterClient(api, request)
      const { place, facts } = await beginAsked(beginFor(request, calls), asked)
      const discard = asked.store ? undefined : discardOf(openai, calls, { facts, place })
      const about = { facts, place, discard }
      if (asked.stream) return streamResponse(openai, request, reply, { ...about, after: -1 })
      if (asked.background) return responseOf(await readResponse(calls, facts, place))
      return responseOf(await awaitResponse(openai, request, about))
    },
  })
}

type Discard = (state: ResponseState) => Promise<void>
type Asked = { facts: ResponseFacts; place: ResponsePlace; discard?: Discard | undefined }

/** Contract: throws 403 for a token that may not delete the session afterwards. */
function checkDiscard({ principal: { grants } }: FastifyRequest): void {
  if (!grants || grants.operations?.includes('delete_session')) return
  throw new ApiError('not_granted', '`store: false`')
}

/**
 * Deletes the session of a response, unless its turn waits for the client or began as a stored
 * one.
 */
function discardOf(
  { api: { stopping, node } }: OpenAI,
  { run }: Client,
  { facts, place: { sessionId } }: Asked,
): Discard | undefined {
  if (facts.request.store !== false) return undefined
  return async (state) => {
    // A client repeats its request when the server stops.
    const isLeft = state.phase !== 'over' && stopping()
    if (isLeft || (state.waits.length > 0 && !isBlocked(state))) return
    await run('DELETE', `/v1/sessions/${sessionId}`).catch((error) =>
      node.log.warn('a session that is not to be stored remains', { session: sessionId, error }),
    )
  }
}

/** Waits until a response is over. */
export async function awaitResponse(
  { api, streams }: OpenAI,
  request: FastifyRequest,
  { facts, place, discard }: Asked,
): Promise<ResponseState> {
  const client = adapterClient(api, request)
  let state = await readResponse(client, facts, place)
  // The turn before waits for a budget, and the response with it.
  let isBehind = state.phase === 'queued' && (await isUnpaidNow(client, place))
  const isLast = () => state.phase === 'over' || isBehind || isBlocked(state)
  const reason = isLast()
    ? undefined
    : await waitForTurn(api, streams, request, {
        sessionId: place.sessionId,
        after: Math.max(state.sequence, place.start - 1),
        fold(event) {
          state = foldResponse(state, event).state
          isBehind = state.phase === 'queued' && isUnpaid(event)
          return { frames: '', isLast: isLast() }
        },
      })
  // The client repeats a request that the server ended, and must find its turn.
  if (reason === undefined || reason === 'client_left') await discard?.(state)
  if (state.phase === 'over') return state
  if (isBehind || isBlocked(state)) throw new ApiError('budget_wait', facts.id)
  throw new ApiError(reason === 'session_deleted' ? 'not_found' : 'shutting_down', 'Response')
}

/** True if the latest turn waits for a budget. */
async function isUnpaidNow(client: Client, { sessionId }: ResponsePlace) {
  const { unpaidTurn } = await waitsNow(client, client.read, sessionId)
  return unpaidTurn !== undefined
}

const isBlocked = ({ waits }: ResponseState) => waits.some(({ type }) => type === 'budget')

const responseFrame = (chunk: ResponseChunk) =>
  `event: ${chunk.type}\ndata: ${JSON.stringify(chunk)}\n\n`

/** Streams the chunks of a response after a number. */
function streamResponse(
  { api, streams }: OpenAI,
  request: FastifyRequest,
  reply: FastifyReply,
  { facts, place, after, discard }: Asked & { after: number },
): Promise<void> {
  dropBody(request)
  let state = beginResponse(facts)
  let isInterrupted = false
  if (discard) reply.raw.once('close', () => isInterrupted || void discard(state))
  return streamTurn(api, streams, request, reply, {
    sessionId: place.sessionId,
    after: place.start - 1,
    interrupted(reason) {
      isInterrupted = reason !== 'internal_error'
      return responseFrame({
        ...interruption(reason),
        sequence_number: Math.max(state.number, after),
      })
    },
    fold(event) {
      const folded = foldResponse(state, event)
      state = folded.state
      const due = folded.chunks.flatMap((chunk) => chunkAfter(chunk, after) ?? [])
      return { frames: due.map(responseFrame).join(''), isLast: state.phase === 'over' }
    },
  })
}

type ReadQuery = { stream?: string; starting_after?: string }

function readRoutes(openai: OpenAI): void {
  const { scope, api } = openai
  scope.route<{ Params: Params; Querystring: ReadQuery }>({
    method: 'GET',
    url: '/responses/:response_id',
    exposeHeadRoute: false,
    config: { access: 'adapter' },
    schema: hidden('get_openai_response'),
    async handler(request, reply) {
      const { query, params } = request
      const place = parseResponseId(params.response_id)
      const calls = adapterClient(api, request)
      const facts = await locate(calls, place)
      const after = numberOf(query.starting_after)
      if (query.stream === 'true') {
        return streamResponse(openai, request, reply, { facts, place, after })
      }
      return responseOf(await readResponse(calls, facts, place))
    },
  })
}

function inputRoute({ scope, api }: OpenAI): void {
  scope.route<{ Params: Params; Querystring: ItemsQuery }>({
    method: 'GET',
    url: '/responses/:response_id/input_items',
    exposeHeadRoute: false,
    config: { access: 'adapter' },
    schema: hidden('list_openai_input_items'),
    async handler(request) {
      const range = itemRange(request.query)
      const place = parseResponseId(request.params.response_id)
      const calls = adapterClient(api, request)
      await locate(calls, place)
      const items = await readInputItems(calls, place)
      const listed = range.isAscending ? items : items.toReversed()
      return itemPage(itemsAfter(listed, range.after), range)
    },
  })
}

/** The message or the answers with which a response begins. */
async function readInputItems(client: Client, { sessionId, message, start }: ResponsePlace) {
  const { items, add } = openTranscript(sessionId)
  const [input] = await eventsOf(client, sessionId, { after: message - 1, limit: 1 })
  add(input!)
  if (start === message) return [...items.values()]
  // Outputs belong to calls that the client was asked for.
  await client.read(sessionId, { after: message, types: ['tool.call_requested'] }, (event) => {
    if (event.sequence! < start) add(event)
    return event.sequence! >= start
  })
  items.clear()
  await client.read(sessionId, { after: start - 1 }, (event) => {
    if (!inputTypes.has(event.type)) return true
    add(event)
    return false
  })
  return [...items.values()]
}

const inputTypes = new Set<string>(['input.message', ...answerTypes])

function numberOf(text: string | undefined): number {
  if (text === undefined) return -1
  if (/^-?\d{1,15}$/.test(text)) return Number(text)
  throw invalidParam('starting_after', 'must be a sequence number')
}

function responseChangeRoutes({ scope, api }: OpenAI): void {
  scope.route<{ Params: Params }>({
    method: 'POST',
    url: '/responses/:response_id/cancel',
    config: { access: 'adapter' },
    schema: hidden('cancel_openai_response'),
    async handler(request) {
      const place = parseResponseId(request.params.response_id)
      const calls = adapterClient(api, request)
      const facts = await locate(calls, place)
      const state = await readResponse(calls, facts, place)
      const isUnbegun = state.phase === 'queued'
      // A turn that waits can be cancelled too; its response stays as it is.
      const isRunning = state.phase === 'open' || (await isWaiting(calls, place, state))
      if (!isUnbegun && !isRunning) return responseOf(state)
      // By its id: the next turn may have begun since.
      const turn_id = await (isUnbegun
        ? findUnbegunTurn(calls, place, state)
        : findTurnOf(calls, place))
      if (turn_id) await calls.run('POST', `/v1/sessions/${place.sessionId}/cancel`, { turn_id })
      return responseOf(await readResponse(calls, facts, place))
    },
  })

  scope.route<{ Params: Params }>({
    method: 'DELETE',
    url: '/responses/:response_id',
    config: { access: 'adapter' },
    schema: hidden('delete_openai_response'),
    async handler(request) {
      const { response_id: id } = request.params
      const place = parseResponseId(id)
      const calls = adapterClient(api, request)
      await locate(calls, place)
      await checkOnly(calls, place)
      await calls.run('DELETE', `/v1/sessions/${place.sessionId}`)
      return { id, object: 'response', deleted: true }
    },
  })
}

/** The latest turn of the message of a response. */
async function findTurnOf({ read }: Client, { sessionId, message }: ResponsePlace) {
  let inputId: string | undefined
  let turnId: string | undefined
  const range = { after: message - 1, types: ['input.message', 'session.activated'] }
  await read(sessionId, range, (event) => {
    if (event.type === 'input.message' && event.sequence === message)
      inputId = event.data.message.id
    const isBegin = event.type === 'session.activated' && event.data.input_message_id === inputId
    if (isBegin) turnId = event.data.turn_id
    return false
  })
  return turnId
}

/**
 * The turn that has not begun for the message of a response; undefined if it has ended meanwhile.
 * Contract: throws 409 while the turn of another message runs.
 */
async function findUnbegunTurn(
  { request: { db, principal } }: Client,
  { sessionId }: ResponsePlace,
  { messageId }: ResponseState,
) {
  const turn = await findCurrentTurn(db, principal.orgId, sessionId)
  if (!turn?.turn_id) return undefined
  if (turn.turn_input !== messageId) throw new ApiError('session_not_idle')
  return turn.turn_id
}

/** True if a call of a response still waits for what the response asks for. */
async function isWaiting({ read }: Client, { sessionId }: ResponsePlace, state: ResponseState) {
  if (state.waits.length === 0) return false
  const stages = [...state.calls]
  const left = new Set(stages.flatMap(([id, stage]) => (stage === 'waiting' ? [id] : [])))
  await read(sessionId, { after: state.sequence, types: waitEnds }, ({ data }) => {
    if ('tool_call_id' in data) left.delete(String(data.tool_call_id))
    else left.clear()
    return left.size === 0
  })
  return left.size > 0
}

/** Events that end one wait of a turn, or all of them. */
const waitEnds = [...answerTypes, 'session.activated', 'turn.failed', 'turn.cancelled']

/** Contract: throws 400 if the conversation has other messages, which would be deleted as well. */
async function checkOnly(calls: Client, { sessionId, message }: ResponsePlace) {
  const query = { after: 0, limit: 2, types: ['input.message'] }
  const messages = await eventsOf(calls, sessionId, query)
  if (messages.every(({ sequence }) => sequence === message)) return
  const conversation = conversationId(sessionId)
  const text = `has a conversation with other messages: delete ${conversation} instead`
  throw invalidParam('response_id', text)
}
