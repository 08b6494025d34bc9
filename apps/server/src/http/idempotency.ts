import { createHash } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { ApiError, invalidAt } from '../errors.ts'
import type { Database } from '../store/database.ts'
import { openUnit, type Unit } from '../store/database.ts'
import {
  claimKey,
  type IdempotencyKey,
  type StoredAnswer,
  saveAnswer,
} from '../store/idempotency-keys.ts'
import { answerInstead } from './problems.ts'

const keyLengthMax = 255
const answerBytesMax = 64 * 1024

/** A request that carries an Idempotency-Key, in a transaction with its effect. */
type Keyed = { unit: Unit; key: IdempotencyKey; finished: () => void }

const keyed = new WeakMap<FastifyRequest, Keyed>()

/**
 * `Idempotency-Key` on every POST: the same key and body within 24 hours get the first answer. The key is stored
 * in the transaction of the effect, so there is never one without the other.
 */
export function rememberAnswers(app: FastifyInstance, database: Database): void {
  const underWay = new Map<string, Promise<void>>()

  async function begin(request: FastifyRequest, reply: FastifyReply) {
    request.db = database
    request.committed = []
    const given = request.headers['idempotency-key']
    if (given === undefined) return
    const key = keyOf(request, String(given))
    const finished = await waitTurn(underWay, key)
    try {
      const unit = await openUnit(database.pool)
      keyed.set(request, { unit, key, finished })
      const answer = await claimKey(unit.db, key)
      if (answer) return await repeat(request, reply, { answer, key })
      await unit.mark()
      request.db = unit.db
    } catch (error) {
      await drop(request)
      finished()
      throw error
    }
  }

  async function end(request: FastifyRequest, reply: FastifyReply, payload: unknown) {
    const held = keyed.get(request)
    try {
      if (held) await settle(request, reply, { held, payload })
    } catch (error) {
      // An error behind an error would be answered in the framework's words, and with the first one's status.
      if (reply.statusCode < 400) throw error
      return answerInstead(reply, error)
    }
    if (reply.statusCode < 400) for (const work of request.committed ?? []) await work()
    return payload
  }

  app.addHook('onRoute', (route) => {
    if (route.method !== 'POST') return
    route.preHandler = begin
    route.onSend = end
  })
}

function keyOf(request: FastifyRequest, given: string): IdempotencyKey {
  if (given === '' || given.length > keyLengthMax || !/^[\x20-\x7e]+$/.test(given)) {
    throw invalidAt('Idempotency-Key', `must be 1 to ${keyLengthMax} visible ASCII characters`)
  }
  const { orgId, id: principal } = request.principal
  const body = JSON.stringify(request.body ?? null)
  return {
    orgId,
    principal,
    method: request.method,
    path: request.url.split('?')[0]!,
    key: given,
    bodyHash: createHash('sha256').update(body).digest('hex'),
  }
}

const waitMs = 5_000

/** Requests of one key pass one at a time on this node, without holding a connection while they wait. */
async function waitTurn(underWay: Map<string, Promise<void>>, key: IdempotencyKey) {
  const { orgId, principal, method, path, key: given } = key
  const name = JSON.stringify([orgId, principal, method, path, given])
  const deadline = Date.now() + waitMs
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
      underWay.delete(name)
      resolve()
    }
  })
  underWay.set(name, running)
  return finished
}

type Repeat = { answer: StoredAnswer; key: IdempotencyKey }

async function repeat(request: FastifyRequest, reply: FastifyReply, { answer, key }: Repeat) {
  if (answer.body_hash !== key.bodyHash) throw new ApiError('idempotency_key_reused')
  await drop(request, true)
  reply.header('content-type', 'application/json; charset=utf-8')
  reply.header('idempotency-replayed', 'true')
  return reply.code(answer.status).send(answer.answer ?? '')
}

/** Ends the transaction without an effect. */
async function drop(request: FastifyRequest, done = false) {
  const held = keyed.get(request)
  keyed.delete(request)
  await held?.unit.rollback()
  if (done) held?.finished()
}

type Settling = { held: Keyed; payload: unknown }

/** Commits the effect with its answer; an effect that failed leaves only the answer, a fault of ours nothing. */
async function settle(request: FastifyRequest, reply: FastifyReply, { held, payload }: Settling) {
  keyed.delete(request)
  const { unit, key, finished } = held
  const status = reply.statusCode
  try {
    if (status >= 500 || status === 429) return await unit.rollback()
    if (status >= 400) await unit.backToMark()
    await saveAnswer(unit.db, key, { status, answer: shortened(payload) })
    await unit.commit()
  } catch (error) {
    await unit.rollback()
    throw error
  } finally {
    finished()
  }
}

/** An answer as it is kept: whole, or when it is large its ids. */
function shortened(payload: unknown): string | null {
  if (typeof payload !== 'string' || payload === '') return null
  if (Buffer.byteLength(payload) <= answerBytesMax) return payload
  const { id, session_id } = JSON.parse(payload) as { id?: string; session_id?: string }
  return JSON.stringify({ id, session_id })
}
