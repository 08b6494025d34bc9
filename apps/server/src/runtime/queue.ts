import { setTimeout as sleep } from 'node:timers/promises'
import { Logger, type Runner, run, runMigrations } from 'graphile-worker'
import type pg from 'pg'
import type { Log } from '../log.ts'
import { isUnavailable } from '../store/database.ts'

/** What a job of the queue names: one turn. */
export type TurnJob = { org_id: string; session_id: string; turn_id: string }

export type Queue = {
  /**
   * Whether new jobs are taken. Running ones go on; when jobs are taken again before those are over, there may be more than
   * `slots` for that long.
   */
  setPaused: (paused: boolean) => void
  /** Takes no new job; resolves when the running ones are over. */
  stop: () => Promise<void>
}

export type QueueOptions = {
  pool: pg.Pool
  slots: number
  log: Log
  work: (job: TurnJob) => Promise<void>
  /** Ends what a parked turn has waited for too long. Should it throw, it is tried again. */
  expire: (job: TurnJob) => Promise<void>
  /** Called every hour on one node; undefined: never. `signal` aborts when the queue stops. */
  hourly: ((signal: AbortSignal) => Promise<void>) | undefined
}

/** An idle slot looks for jobs this often, all together 12 times a second at most; NOTIFY wakes them long before. */
const pollIntervalMs = (slots: number) => Math.max(5_000, slots * 80)
const retryMs = 250

const silent = new Logger(() => () => {})

/** Minute 23, when nobody else comes. A run that breaks is not repeated: the next one is near. */
const hourlyCrontab = '23 * * * * hourly ?jobKey=hourly&max=1'

/** Creates or updates the queue's own tables. */
export async function migrateQueue(pool: pg.Pool): Promise<void> {
  await runMigrations({ pgPool: pool, logger: silent })
}

/** Starts taking jobs. `work` must not throw: a job that ends in an error would be retried by the queue. */
export async function startQueue(options: QueueOptions): Promise<Queue> {
  const { pool, slots, log, work, expire, hourly } = options
  let stopping = false
  const parting = new AbortController()
  let paused = false
  const start = () =>
    run({
      pgPool: patientPool(pool, () => stopping),
      concurrency: slots,
      pollInterval: pollIntervalMs(slots),
      noHandleSignals: true,
      logger: new Logger(() => (level, message) => {
        if (level === 'error') log.warn('queue', { message })
      }),
      crontab: hourly ? hourlyCrontab : '',
      taskList: {
        turn: (payload) => work(payload as TurnJob),
        expire: (payload) => expire(payload as TurnJob),
        ...(hourly && { hourly: () => hourly(parting.signal) }),
      },
    })

  /** One takes jobs; others have been told to stop, and have some left. */
  const runners = new Set<Promise<void>>()
  let current: Runner | undefined
  let changing = Promise.resolve()
  begin(await start())

  function begin(runner: Runner) {
    current = runner
    const over = runner.promise
      .catch((error) => log.error('queue stopped', { error }))
      .then(async () => {
        if (current === runner) {
          await sleep(retryMs)
          if (current === runner) current = undefined
          change()
        }
        runners.delete(over)
      })
    runners.add(over)
  }

  /** Brings what runs to what is wanted. A runner that gave up (a newer version has changed the queue's tables) is started anew. */
  function change() {
    changing = changing.then(async () => {
      const isWanted = !stopping && !paused
      if (current && !isWanted) {
        current.stop().catch(() => {})
        current = undefined
      }
      while (!current && !stopping && !paused) await beginAgain()
    })
  }

  async function beginAgain() {
    const runner = await start().catch((error) => log.error('queue did not start', { error }))
    if (runner) begin(runner)
    else await sleep(retryMs)
  }

  return {
    setPaused(wanted) {
      if (paused === wanted) return
      paused = wanted
      change()
    },
    async stop() {
      stopping = true
      parting.abort()
      change()
      await changing
      await Promise.all(runners)
    },
  }
}

type Connected = (error: Error | undefined, client?: pg.PoolClient, release?: () => void) => void

/**
 * The pool as the queue sees it: it waits for a database that is away instead of failing. The runner answers a
 * failure with pauses of up to a minute, and one while it deletes a finished job is an unhandled rejection, the
 * end of the process.
 */
function patientPool(pool: pg.Pool, stopping: () => boolean): pg.Pool {
  async function patiently<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work()
      } catch (error) {
        if (stopping() || !isUnavailable(error)) throw error
        await sleep(retryMs)
      }
    }
  }

  async function connect() {
    let client: pg.PoolClient
    try {
      client = await patiently(() => pool.connect())
    } catch (error) {
      return unconnected(error)
    }
    const query = client.query.bind(client) as (...all: unknown[]) => Promise<unknown>
    const patient = Object.create(client, {
      query: {
        value: (...all: unknown[]) =>
          isDeletion(all[0])
            ? query(...all).catch((error) => {
                if (!isUnavailable(error)) throw error
                return patiently(() => pool.query(all[0] as pg.QueryConfig)).catch(() => {})
              })
            : query(...all),
      },
    })
    return patient as pg.PoolClient
  }

  return Object.create(pool, {
    connect: {
      value(connected?: Connected) {
        if (!connected) return connect()
        patiently(() => pool.connect()).then(
          (client) => connected(undefined, client, () => client.release()),
          (error) => connected(error),
        )
      },
    },
  }) as pg.Pool
}

/** Stands in for a connection that cannot be had while the queue stops: a job that is not deleted finds its turn over. */
function unconnected(error: unknown) {
  return {
    query: async (query: unknown) => {
      if (isDeletion(query)) return { rows: [] }
      throw error
    },
    release() {},
  } as unknown as pg.PoolClient
}

const isDeletion = (query: unknown) =>
  /^delete from "?graphile_worker"?\._private_jobs/.test((query as { text?: string })?.text ?? '')
