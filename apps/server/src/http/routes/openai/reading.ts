/** Reads responses from the log, as their caller sees it. */
import type { Event, EventMessage } from '@outlast/contract'
import {
  beginResponse,
  foldResponse,
  type ResponseFacts,
  type ResponseState,
  responseEvents,
} from '@outlast/contract/folds/openai'
import type { FastifyRequest } from 'fastify'
import { ApiError } from '../../../errors.ts'
import { type InnerCalls, innerCalls } from '../../adapters/inner-calls.ts'
import { type LogRange, type LogReader, logReader } from '../../adapters/read-log.ts'
import { answerTypes } from '../../adapters/waiting-calls.ts'
import type { Api } from '../../core/api.ts'
import { functionTool, storedRequest } from './params.ts'
import { type ResponsePlace, responseId, responseMissing, turnPlace } from './place.ts'

/** The operations and the logs that the client of a request may use. */
export type Client = InnerCalls & {
  read: LogReader
  request: Pick<FastifyRequest, 'principal' | 'db'>
}

export const adapterClient = (api: Api, request: FastifyRequest): Client => ({
  ...innerCalls(api.app, request),
  read: logReader(api, request),
  request,
})

/** The first events of some types after a position. */
export async function eventsOf(
  { read }: Client,
  sessionId: string,
  { limit, ...range }: LogRange & { limit: number },
): Promise<Event[]> {
  const events: Event[] = []
  await read(sessionId, range, (event) => events.push(event) >= limit)
  return events
}

/**
 * Finds the message of a response and the event that begins it. Contract: throws 404 for
 * an id that has none, and for a session that the caller may not read.
 */
export async function locate(client: Client, place: ResponsePlace): Promise<ResponseFacts> {
  const { sessionId, message, start } = place
  const [first] = await eventAt(client, sessionId, message)
  const input = inputAt(place, first)
  if (start > message) {
    const [begin] = await eventAt(client, sessionId, start)
    const isAnswer = (answerTypes as readonly string[]).includes(begin?.type ?? '')
    const isOfTurn = begin?.context.input_message_id === input.id
    if (!isAnswer || !isOfTurn) throw responseMissing()
  }
  return factsOf(place, input) ?? fail()
}

/** The message of a response. Contract: throws 404 for another event. */
function inputAt({ message }: ResponsePlace, event: Event | undefined) {
  const isThere = event?.type === 'input.message' && event.sequence === message
  return isThere ? event.data.message : fail()
}

function fail(): never {
  throw responseMissing()
}

/** What the message of a response tells of it; undefined if another API posted the message. */
export function factsOf(
  place: ResponsePlace,
  input: Pick<EventMessage, 'metadata' | 'instructions' | 'tools' | 'controls'>,
): ResponseFacts | undefined {
  const stored = storedRequest(input.metadata?.openai)
  if (!stored) return undefined
  const { format, hash: _, ...request } = stored
  const { instructions = null, tools = [], controls } = input
  return {
    id: responseId(place),
    sessionId: place.sessionId,
    place: turnPlace(place),
    request: {
      ...request,
      instructions,
      tools: (tools ?? []).map(functionTool),
      max_output_tokens: controls?.max_output_tokens ?? null,
      ...(format && {
        text: { format: { type: 'json_schema', ...format, schema: controls?.output_schema } },
      }),
    },
  }
}

const eventAt = (client: Client, sessionId: string, sequence: number) =>
  eventsOf(client, sessionId, { after: sequence - 1, limit: 1 }).catch(asMissing)

function asMissing(error: unknown): never {
  throw error instanceof ApiError && error.status === 404 ? responseMissing() : error
}

/** The response as of the stored events, or of those before one. */
export async function readResponse(
  client: Client,
  facts: ResponseFacts,
  { sessionId, start }: ResponsePlace,
  before = Number.POSITIVE_INFINITY,
): Promise<ResponseState> {
  let state = beginResponse(facts)
  await client.read(sessionId, { after: start - 1, types: responseEvents }, (event) => {
    if (event.sequence! >= before) return true
    state = foldResponse(state, event).state
    return state.phase === 'over'
  })
  return state
}

const laterTypes: readonly string[] = ['input.message', ...answerTypes]

export type EarlierState = {
  state: ResponseState
  /** A message, an answer or the turn of another message came after it. */
  isContinued: boolean
  /** `sequence` of its last event. */
  end: number
}

/**
 * Reads a response as `readResponse` does, and whether it was continued, in one pass of the log.
 * Contract: as `locate`.
 */
export async function readEarlier(client: Client, place: ResponsePlace): Promise<EarlierState> {
  const { sessionId, message, start } = place
  let state = start > message ? beginResponse(await locate(client, place)) : undefined
  let isContinued = false
  let end = 0
  let input: string | undefined
  const range = { after: start - 1, types: responseEvents }
  await client
    .read(sessionId, range, (event) => {
      // A response that a message begins is described by its first event.
      state ??= beginResponse(factsOf(place, inputAt(place, event)) ?? fail())
      const isBegun = event.type === 'session.activated' && event.data.input_message_id !== input
      if (state.phase === 'over') isContinued = isBegun || laterTypes.includes(event.type)
      else {
        state = foldResponse(state, event).state
        input ??= state.messageId ?? event.context.input_message_id
        // The next turn ends a response that was cancelled.
        isContinued = state.phase === 'over' && isBegun
        if (!isContinued) end = state.sequence
      }
      return isContinued
    })
    .catch(asMissing)
  return { state: state ?? fail(), isContinued, end }
}
