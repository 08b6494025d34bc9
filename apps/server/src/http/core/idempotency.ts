import { createHash } from 'node:crypto'
import type { FastifyContextConfig, FastifyRequest } from 'fastify'
import { limitedId, type Principal } from '../../access/principal.ts'
import { ApiError, invalidAt } from '../../errors.ts'
import type { IdempotencyKey } from '../../store/access/idempotency-keys.ts'

const keyLengthMax = 255
export const answerBytesMax = 64 * 1024

type Route = { method: unknown; url?: string; config?: FastifyContextConfig | undefined }

/**
 * True where the server stores the response under an Idempotency-Key: not one with a secret, and
 * not one of a request without an effect of its own.
 */
export const takesKey = ({ method, url, config }: Route) =>
  method === 'POST' &&
  !config?.answersSecret &&
  !config?.callsOut &&
  config?.access !== 'read' &&
  config?.access !== 'adapter' &&
  !url?.startsWith('/v1/auth/')

/** The Idempotency-Key of a request, with the parts that distinguish requests of one key. */
export function idempotencyKey(request: FastifyRequest, given: string): IdempotencyKey {
  if (given === '' || given.length > keyLengthMax || !/^[\x20-\x7e]+$/.test(given)) {
    throw invalidAt('Idempotency-Key', `must be 1 to ${keyLengthMax} visible ASCII characters`)
  }
  const { orgId } = request.principal
  const withSecrets = request.routeOptions.config.hasSecret
  const body = JSON.stringify(request.body ?? null, withSecrets ? blankSecret : undefined)
  const path = request.url.split('?', 1)[0]!
  const query = request.url.slice(path.length)
  return {
    orgId,
    principal: keySpaceOf(request.principal),
    method: request.method,
    path,
    key: given,
    bodyHash: createHash('sha256')
      .update(body + query)
      .digest('hex'),
  }
}

/** A replacer of JSON: the hash of a short secret would reveal it. */
const blankSecret = (name: string, value: unknown) => (name === 'secret' ? '' : value)

/**
 * Key space of a caller: a token never shares keys with its creator, but all tokens of a session or
 * of an end user share one space, so that a page can repeat a request with a renewed token.
 */
export function keySpaceOf(principal: Principal): string {
  const { kind, id, sessionId } = principal
  if (principal.endUser) return `end-user:${limitedId(principal)}`
  return kind === 'token' ? `token:${sessionId}` : id
}

/** Maximum wait for another request with the same key. */
export const keyWaitMs = 5_000

/** Serializes requests of one key on this node. A waiting request holds no connection. */
export async function waitTurn(
  underWay: Map<string, Promise<void>>,
  key: IdempotencyKey,
  deadline: number,
) {
  const { orgId, principal, method, path, key: given } = key
  const name = JSON.stringify([orgId, principal, method, path, given])
  for (let before = underWay.get(name); before; before = underWay.get(name)) {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      const error = new ApiError('idempotency_in_progress')
      timer = setTimeout(() => reject(error), deadline - Date.now())
    })
    await Promise.race([before, late]).finally(() => clearTimeout(timer))
  }
  let finished = () => {}
  const running = new Promise<void>((resolve) => {
    finished = () => {
      if (underWay.get(name) === running) underWay.delete(name)
      resolve()
    }
  })
  underWay.set(name, running)
  return finished
}

/** The stored form of a response: all of it, or its ids and `sequence` if it is large. */
export function shortened(payload: unknown): string | null {
  if (typeof payload !== 'string' || payload === '') return null
  if (Buffer.byteLength(payload) <= answerBytesMax) return payload
  const { session, message, ...whole } = JSON.parse(payload) as Parts
  const parts = {
    ...(session && { session: idsOf(session) }),
    ...(message && { message: idsOf(message) }),
  }
  return JSON.stringify({ ...idsOf(whole), ...parts })
}

type Resource = { id?: unknown; session_id?: unknown; sequence?: unknown }
type Parts = Resource & { session?: Resource; message?: Resource }

const idsOf = ({ id, session_id, sequence }: Resource) => ({ id, session_id, sequence })
