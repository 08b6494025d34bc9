import { ApiError } from '../errors.ts'
import { createShares } from '../shares.ts'
import { type Database, databaseOn, inShare, type TransactingDb } from './database.ts'

/**
 * The share of an owner in the connections that requests use: an organization, or a user without one. Callers that are not
 * known have one together, `public`.
 * Contract: no slot is taken by a request that holds one. After 2.5 s: 429, or 503 while the database does not answer.
 */
export type ConnectionShares = (owner: string) => TransactingDb

/** Whose share callers use that are not known. */
export const unknownCallers = 'public'

/** Connections of the pool that requests leave to streams (two) and turns, and those of one owner to other requests. */
const leftToTurns = 4
const leftToOthers = 1
/**
 * How long a request waits for a connection, and its transaction for a lock. A row takes two locks, one after the other, so
 * the second is less than half of the first: a connection is free in time also when all of them wait for locks.
 */
const slotWaitMs = 2_500
const lockTimeoutMs = 1_000
const rememberedMax = 1_000

/** Divides the connections that requests use between their owners. `problem`: why the database cannot be used, if so. */
export function createConnectionShares(
  { pool, texts }: Database,
  problem: () => string | undefined,
): ConnectionShares {
  const busy = () =>
    problem() ? new ApiError('database_unavailable') : new ApiError('rate_limited', '1')
  const slots = Math.max(2, pool.options.max - leftToTurns)
  const shares = createShares(
    {
      slots,
      slotsEach: Math.max(1, slots - leftToOthers),
      waitingMax: Number.POSITIVE_INFINITY,
      waitingEachMax: 1_000,
      waitMs: slotWaitMs,
    },
    busy,
  )
  const remembered = new Map<string, TransactingDb>()

  function create(owner: string) {
    const ownPool = inShare(pool, () => shares.slot(owner))
    const db = databaseOn({ pool: ownPool, texts, lockTimeoutMs })
    if (remembered.size >= rememberedMax) remembered.clear()
    remembered.set(owner, db)
    return db
  }
  return (owner) => remembered.get(owner) ?? create(owner)
}
