/** Finds the response of a request that its client repeats. */
import type { Session, SessionPage } from '@outlast/contract'
import type { FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import type { Principal } from '../../../access/principal.ts'
import { isJsonObject } from '../../../json.ts'
import { hashOf } from '../../adapters/hash.ts'
import { listEvents } from '../../adapters/session-events.ts'
import { keySpaceOf } from '../../core/idempotency.ts'
import type { ResponsePlace } from './place.ts'
import type { Client } from './reading.ts'

/** Newest messages that are searched for the one of the first request. */
const latestMax = 5

/** Time in which a request counts as repeated: clients wait 10 minutes for an answer. */
const repeatMs = 15 * 60_000

const isRecent = (ts: string) => Date.now() - Date.parse(ts) < repeatMs

export type RepeatedRequest = {
  /** Hash of the request and its caller, which its message keeps. */
  hash: string
  /** The client repeats the request. Clients of OpenAI count, and send no Idempotency-Key. */
  isRepeated: boolean
  /** Label of a new session, by which a repeated request finds it. Tokens cannot set labels. */
  tag: string | undefined
}

export function repeatOf({ headers, body, url, principal }: FastifyRequest): RepeatedRequest {
  const { 'idempotency-key': key, 'x-stainless-retry-count': count = 0 } = headers
  const hash = hashOf([keySpaceOf(principal), url, key, body])
  return { hash, isRepeated: key !== undefined || Number(count) > 0, tag: tagFor(principal, hash) }
}

const tagFor = ({ kind }: Principal, hash: string) =>
  kind === 'token' ? undefined : `openai:${hash.slice(0, 16)}`

/** The session that the first request made. */
export async function repeatedSession(
  { run }: Client,
  { isRepeated, tag }: RepeatedRequest,
): Promise<Session | undefined> {
  if (!isRepeated || tag === undefined) return undefined
  const path = `/v1/sessions?tag=${encodeURIComponent(tag)}&limit=1`
  const { data } = await run<Static<typeof SessionPage>>('GET', path)
  return data.find(({ created_at }) => isRecent(created_at))
}

const hashIn = (stored: unknown) => (isJsonObject(stored) ? stored.hash : undefined)

type After = { sessionId: string; after: number }

/** The message of the first request in a session, after an event. */
async function firstMessage(
  calls: Client,
  { isRepeated, hash }: RepeatedRequest,
  { sessionId, after }: After,
) {
  if (!isRepeated) return undefined
  const query = {
    after_sequence: after,
    types: 'input.message',
    order_desc: true,
    limit: latestMax,
  }
  const messages = await listEvents<'input.message'>(calls, sessionId, query)
  return messages.find(
    ({ ts, data }) => isRecent(ts) && hashIn(data.message.metadata?.openai) === hash,
  )
}

/** The response that the first request began in a session, after an event. */
export async function repeatedMessage(
  calls: Client,
  repeat: RepeatedRequest,
  at: After,
): Promise<ResponsePlace | undefined> {
  const { sequence } = (await firstMessage(calls, repeat, at)) ?? {}
  const { sessionId } = at
  return sequence === undefined ? undefined : { sessionId, message: sequence, start: sequence }
}

/** True if the message of the first request was sent beside answers to calls. */
export async function hasJoined(calls: Client, repeat: RepeatedRequest, at: After) {
  const first = await firstMessage(calls, repeat, at)
  const stored = first?.data.message.metadata?.openai
  return isJsonObject(stored) && typeof stored.joins === 'string'
}
