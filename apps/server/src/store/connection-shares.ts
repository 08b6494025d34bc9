import type pg from 'pg'
import { ApiError } from '../errors.ts'
import { createShares, type Slot } from '../shares.ts'
import {
  type Connections,
  type Database,
  type DatabaseWaits,
  type Db,
  databaseOn,
  databaseWaits,
  inShare,
  type TransactingDb,
} from './database.ts'
import { isPoolTimeout, poolTimeout } from './database-errors.ts'

/**
 * Returns the connections of an owner's requests: an organization, or a user without one.
 * Unauthenticated callers share one owner, `public`.
 * Contract: a request that holds a slot takes no second one. After 2.5 s it fails with 429, or 503
 * while the database does not answer.
 */
export type ConnectionShares = (owner: string) => TransactingDb

/** The owner of requests of unauthenticated callers. */
export const unknownCallers = 'public'

/**
 * Connections reserved for streams and turns, and those that one owner must leave to other owners.
 */
const leftToTurns = 4
const leftToOthers = 1
const rememberedMax = 1_000

export type DividedConnections = {
  shares: ConnectionShares
  /** For turns and the node's own work: waits for a connection behind requests. */
  others: Database
  /** For streams: before `others`, unless streams have had more slot time than these. */
  streams: Db
  /** As `others`, for work that has no second try: waits up to 15 s for a connection. */
  patient: Database
  /** The number of requests and statements that wait ahead of the pool's own queue. */
  waiting: () => number
}

/**
 * Divides the connections of a node between the owners of requests, and between requests and other
 * work. A turn runs many statements, and no client waits for a single one; a request runs one or
 * two. Requests therefore come first, up to their share. `problem` returns why the database cannot
 * be used, if so.
 */
export function divideConnections(
  { pool, texts, close }: Database,
  problem: () => string | undefined,
  { connection: waitMs, lock: lockTimeoutMs }: DatabaseWaits = databaseWaits,
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
      waitMs,
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
      waitMs,
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
  const behindPool = inShare(pool, () => rest.slot('others'))
  const behind = databaseOn({ pool: behindPool, texts })
  return {
    shares: (owner) => remembered.get(owner) ?? create(owner),
    others: Object.assign(behind, { pool, close }),
    streams: databaseOn({ pool: inShare(pool, () => rest.slot('streams')), texts }),
    patient: Object.assign(databaseOn({ pool: patiently(behindPool), texts }), { pool, close }),
    waiting: () => requests.waiting() + rest.waiting(),
  }
}

const patienceMs = 15_000

/** Waits longer for a connection, as through a stall. No statement was sent before it has one. */
function patiently({ query, connect }: Connections): Connections {
  async function wait<T>(work: () => Promise<T>): Promise<T> {
    for (const begunAt = performance.now(); ; ) {
      try {
        return await work()
      } catch (error) {
        if (!isPoolTimeout(error) || performance.now() - begunAt > patienceMs) throw error
      }
    }
  }
  return {
    query: (config: pg.QueryConfig) => wait(() => query(config)),
    connect: () => wait(connect),
  } as Connections
}
