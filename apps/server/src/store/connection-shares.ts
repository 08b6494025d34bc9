import { ApiError } from '../errors.ts'
import { createShares, type Slot } from '../shares.ts'
import { type Database, databaseOn, inShare, poolWaitMs, type TransactingDb } from './database.ts'
import { poolTimeout } from './database-errors.ts'

/**
 * The share of an owner in the connections that requests use: an organization, or a user without
 * one. Callers that are not known have one together, `public`.
 * Contract: no slot is taken by a request that holds one. After 2.5 s: 429, or 503 while the
 * database does not answer.
 */
export type ConnectionShares = (owner: string) => TransactingDb

/** Whose share callers use that are not known. */
export const unknownCallers = 'public'

/** Connections reserved for streams (two) and turns, and those of one owner for other requests. */
const leftToTurns = 4
const leftToOthers = 1
/**
 * How long a request waits for a connection, and its transaction for a lock. A row takes two locks,
 * one after the other, so the second is less than half of the first: a connection is free in time
 * also when all of them wait for locks.
 */
const slotWaitMs = 2_500
const lockTimeoutMs = 1_000
const rememberedMax = 1_000

export type DividedConnections = {
  shares: ConnectionShares
  /** For turns, streams and the node's own work: waits for a connection behind requests. */
  others: Database
  /** How many requests and statements wait for a connection before the queue of the pool. */
  waiting: () => number
}

/**
 * Divides the connections of a node: between the owners of requests, and between requests and all
 * else. A turn has many statements, of which nobody waits for one; a request has one or two. So
 * requests come first, up to their share. `problem`: why the database cannot be used, if so.
 */
export function divideConnections(
  { pool, texts, close }: Database,
  problem: () => string | undefined,
): DividedConnections {
  const busy = () =>
    problem() ? new ApiError('database_unavailable') : new ApiError('rate_limited', '1')
  const { max } = pool.options
  const requestSlots = Math.max(2, max - leftToTurns)
  const requests = createShares(
    {
      slots: requestSlots,
      slotsEach: Math.max(1, requestSlots - leftToOthers),
      waitingMax: Number.POSITIVE_INFINITY,
      waitingEachMax: 1_000,
      waitMs: slotWaitMs,
    },
    busy,
  )
  // In the pool's own queue, requests would wait behind all of these.
  const rest = createShares(
    {
      slots: Math.max(max, requestSlots + 1),
      slotsEach: max,
      heldByOthers: requests.taken,
      waitingMax: Number.POSITIVE_INFINITY,
      waitingEachMax: Number.POSITIVE_INFINITY,
      waitMs: poolWaitMs,
    },
    poolTimeout,
  )
  const freeing = (free: Slot) => () => {
    free()
    rest.serve()
  }
  function requestSlot(owner: string): Slot | Promise<Slot> {
    const slot = requests.slot(owner)
    return typeof slot === 'function' ? freeing(slot) : slot.then(freeing)
  }
  const remembered = new Map<string, TransactingDb>()

  function create(owner: string) {
    const ownPool = inShare(pool, () => requestSlot(owner))
    const db = databaseOn({ pool: ownPool, texts, lockTimeoutMs })
    if (remembered.size >= rememberedMax) remembered.clear()
    remembered.set(owner, db)
    return db
  }
  const behind = databaseOn({ pool: inShare(pool, () => rest.slot('others')), texts })
  return {
    shares: (owner) => remembered.get(owner) ?? create(owner),
    others: Object.assign(behind, { pool, close }),
    waiting: () => requests.waiting() + rest.waiting(),
  }
}
