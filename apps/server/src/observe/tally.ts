import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../log.ts'
import type { Db } from '../store/database.ts'
import { type TurnMinute, writeTurnMinutes } from '../store/turns/turn-minutes.ts'
import { countTime, noTimes } from './times.ts'

const minuteMs = 60_000
const writeMs = 2_000
/** How long a stopping node waits for an unavailable database. */
const partingMs = 1_000
/** Limit of minutes kept while the database is unavailable. */
const minutesMax = 1_440

/** Counts of this node per minute, for charts of all nodes. */
export type Tally = ReturnType<typeof createTally>

export function createTally() {
  const minutes = new Map<number, TurnMinute>()
  let unwritten = new Set<number>()

  function current(): TurnMinute {
    const atMs = Math.floor(Date.now() / minuteMs) * minuteMs
    unwritten.add(atMs)
    const known = minutes.get(atMs)
    if (known) return known
    const minute = {
      at: new Date(atMs).toISOString(),
      completed: 0,
      failed: 0,
      cancelled: 0,
      turn_times: noTimes(),
      first_token_times: noTimes(),
    }
    minutes.set(atMs, minute)
    const [oldest] = minutes.keys()
    if (minutes.size > minutesMax) minutes.delete(oldest!)
    return minute
  }

  return {
    completed(durationMs: number | undefined) {
      const minute = current()
      minute.completed += 1
      if (durationMs !== undefined) countTime(minute.turn_times, durationMs)
    },
    failed() {
      current().failed += 1
    },
    cancelled() {
      current().cancelled += 1
    },
    firstToken(ms: number) {
      countTime(current().first_token_times, ms)
    },
    /** Writes changed minutes. Contract: when it throws, the next call writes the same. */
    async write(db: Db, nodeId: string): Promise<void> {
      if (unwritten.size === 0) return
      const writing = unwritten
      unwritten = new Set()
      try {
        const changed = [...writing].flatMap((atMs) => minutes.get(atMs) ?? [])
        await writeTurnMinutes(db, nodeId, changed)
      } catch (error) {
        unwritten = new Set([...writing, ...unwritten])
        throw error
      }
      const nowMs = Date.now()
      for (const atMs of minutes.keys()) {
        if (atMs + minuteMs < nowMs && !unwritten.has(atMs)) minutes.delete(atMs)
      }
    },
  }
}

type Keeping = { tally: Tally; db: Db; nodeId: string; log: Log }

/** Writes the tally every two seconds, and once more at the end. */
export function keepTally({ tally, db, nodeId, log }: Keeping) {
  let writing: Promise<void> | undefined
  const write = () => {
    writing ??= tally
      .write(db, nodeId)
      .catch((error) => log.debug('turn counts were not written; trying again', { error }))
      .finally(() => {
        writing = undefined
      })
    return writing
  }
  const timer = setInterval(write, writeMs)
  return {
    async stop() {
      clearInterval(timer)
      const written = Promise.resolve(writing).then(write)
      await Promise.race([written, sleep(partingMs, undefined, { ref: false })])
    },
  }
}
