import { Logger, run, runMigrations } from 'graphile-worker'
import type pg from 'pg'
import type { Log } from '../log.ts'

/** What a job of the queue names: one turn. */
export type TurnJob = { org_id: string; session_id: string; turn_id: string }

export type Queue = {
  /** Takes no new job; resolves when the running ones are over. */
  stop: () => Promise<void>
}

export type QueueOptions = {
  pool: pg.Pool
  slots: number
  log: Log
  work: (job: TurnJob) => Promise<void>
}

/** An idle slot looks for jobs this often; NOTIFY wakes it long before. */
const pollIntervalMs = 5_000

const silent = new Logger(() => () => {})

/** Creates or updates the queue's own tables. */
export async function migrateQueue(pool: pg.Pool): Promise<void> {
  await runMigrations({ pgPool: pool, logger: silent })
}

/** Starts taking jobs. `work` must not throw: a job that ends in an error would be retried by the queue. */
export async function startQueue({ pool, slots, log, work }: QueueOptions): Promise<Queue> {
  const runner = await run({
    pgPool: pool,
    concurrency: slots,
    pollInterval: pollIntervalMs,
    noHandleSignals: true,
    logger: new Logger(() => (level, message) => {
      if (level === 'error') log.warn('queue', { message })
    }),
    taskList: { turn: (payload) => work(payload as TurnJob) },
  })
  runner.promise.catch((error) => log.error('queue stopped', { error }))
  return { stop: () => runner.stop() }
}
