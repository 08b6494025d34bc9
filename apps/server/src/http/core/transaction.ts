import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import { ApiError } from '../../errors.ts'
import type { Node } from '../../runtime/node.ts'
import { recordAudit } from '../../store/access/audit-log.ts'
import {
  claimKey,
  type IdempotencyKey,
  type StoredAnswer,
  saveAnswer,
} from '../../store/access/idempotency-keys.ts'
import type { Bus } from '../../store/bus/bus.ts'
import { unknownCallers } from '../../store/connection-shares.ts'
import type { TransactingDb, Unit } from '../../store/database.ts'
import { isLockTimeout } from '../../store/database-errors.ts'
import { auditEntry, isAudited, isAuditedRoute } from './audit-entry.ts'
import { changesOfOperation } from './changed-nouns.ts'
import { channelConflict, isOfChannel, replayHeader } from './channel-conflicts.ts'
import {
  answerBytesMax,
  idempotencyKey,
  keyWaitMs,
  shortened,
  takesKey,
  waitTurn,
} from './idempotency.ts'
import { answerInstead } from './problems.ts'

/** A request in one transaction: its effect, its Idempotency-Key, its entry in the audit log. */
type HeldRequest = { unit: Unit; key: IdempotencyKey | undefined; finished: () => void }

/** Owner of the connection share of a request. Unauthenticated callers have one share. */
const shareOwnerOf = ({ principal }: FastifyRequest) =>
  principal?.orgId || principal?.id || unknownCallers

const held = new WeakMap<FastifyRequest, HeldRequest>()

/**
 * Stores the changes of a request, the response for its Idempotency-Key (24 hours) and its audit
 * entry in one transaction.
 */
export function runInTransactions(app: FastifyInstance, node: Node): void {
  const { bus, shares } = node
  const underWay = new Map<string, Promise<void>>()

  const waitForKey = (request: FastifyRequest, key: IdempotencyKey, deadline: number) =>
    waitTurn(underWay, key, deadline).catch((error) => {
      throw isOfChannel(request) ? channelConflict(error) : error
    })

  async function begin(request: FastifyRequest, reply: FastifyReply) {
    const key = givenKey(request)
    if (key === undefined && !isAudited(request)) return
    const deadline = Date.now() + keyWaitMs
    const finished = key ? await waitForKey(request, key, deadline) : () => {}
    try {
      const { unit, answer } = await openClaimed(shares(shareOwnerOf(request)), key, deadline)
      held.set(request, { unit, key, finished })
      if (key) {
        if (answer) return await replayAnswer(request, reply, { answer, key })
        const { whenFull } = request.routeOptions.config
        if (!whenFull) await node.quotas.checkStorage(unit.db, key.orgId, answerBytesMax)
        await unit.mark()
      }
      request.db = unit.db
    } catch (error) {
      await drop(request)
      finished()
      throw isOfChannel(request) ? channelConflict(error) : error
    }
  }

  async function end(request: FastifyRequest, reply: FastifyReply, payload: unknown) {
    const mine = held.get(request)
    try {
      if (mine) await settle(request, reply, { held: mine, payload, bus })
    } catch (error) {
      // Otherwise Fastify would answer a second error with its own body and the first status.
      if (reply.statusCode < 400) throw error
      return answerInstead(reply, error)
    }
    if (reply.statusCode < 400) for (const work of request.committed ?? []) await work()
    return payload
  }

  app.addHook('onRequest', (request, _reply, done) => {
    request.db = shares(shareOwnerOf(request))
    request.committed = []
    done()
  })
  app.addHook('onRoute', (route) => {
    if (route.method === 'GET' || route.method === 'HEAD' || route.config?.own) return
    // The operations of an adapter have their own transactions and keys.
    if (route.config?.access === 'adapter') return
    checkChangedNouns(route)
    // Earlier hooks of a route run outside the transaction.
    route.preHandler = [route.preHandler ?? [], begin].flat()
    route.onSend = end
  })
}

/** Pause between attempts to claim a key that another node holds. */
const claimPauseMs = 250

/**
 * Opens the transaction of a request, and claims its key in it. Contract: while a request on
 * another node has the key, a connection is held for one wait for a lock at a time; 409 after the
 * deadline.
 */
async function openClaimed(db: TransactingDb, key: IdempotencyKey | undefined, deadline: number) {
  for (;;) {
    const unit = await db.begin()
    try {
      return { unit, answer: key && (await claimKey(unit.db, key)) }
    } catch (error) {
      await unit.rollback()
      if (!isLockTimeout(error)) throw error
    }
    if (Date.now() >= deadline) throw new ApiError('idempotency_in_progress')
    await sleep(claimPauseMs)
  }
}

/** Fails the start, not a request, if an audited operation has no changed noun. */
function checkChangedNouns(route: RouteOptions) {
  if (isAuditedRoute(route)) changesOfOperation(route.schema?.operationId ?? '', null)
}

/** The key of a request to a route that stores its response. */
function givenKey(request: FastifyRequest): IdempotencyKey | undefined {
  const given = request.headers['idempotency-key']
  if (given === undefined || !takesKey(request.routeOptions)) return undefined
  return idempotencyKey(request, String(given))
}

type Repeat = { answer: StoredAnswer; key: IdempotencyKey }

async function replayAnswer(request: FastifyRequest, reply: FastifyReply, { answer, key }: Repeat) {
  if (answer.body_hash !== key.bodyHash) throw new ApiError('idempotency_key_reused')
  await drop(request, true)
  reply.header('content-type', 'application/json; charset=utf-8')
  reply.header(replayHeader(request), 'true')
  return reply.code(answer.status).send(answer.answer ?? '')
}

/** Rolls the transaction back. */
async function drop(request: FastifyRequest, done = false) {
  const mine = held.get(request)
  held.delete(request)
  await mine?.unit.rollback()
  if (done) mine?.finished()
}

type Settling = { held: HeldRequest; payload: unknown; bus: Bus }

/**
 * Commits changes, response and entry. A 4xx keeps only the response, a 5xx nothing. On a channel
 * every failure frees the key.
 */
async function settle(
  request: FastifyRequest,
  reply: FastifyReply,
  { held: mine, payload, bus }: Settling,
) {
  held.delete(request)
  const { unit, key, finished } = mine
  const status = reply.statusCode
  try {
    const isFreed = status >= 500 || status === 429 || !key || isOfChannel(request)
    if (status >= 400 && isFreed) return await unit.rollback()
    if (status >= 400) await unit.backToMark()
    else if (isAudited(request)) {
      const { orgIds, entry } = auditEntry(request, payload)
      await recordAudit(unit.db, orgIds, entry)
      request.committed.push(() => {
        for (const change of changesOfOperation(entry.action, entry.target)) {
          for (const orgId of orgIds) bus.changed(orgId, change)
        }
      })
    }
    if (key) await saveAnswer(unit.db, key, { status, answer: shortened(payload) })
    await unit.commit()
  } catch (error) {
    await unit.rollback()
    throw error
  } finally {
    finished()
  }
}
