import { EventEmitter } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Logger, type Runner, run, runMigrations, type WorkerEvents } from 'graphile-worker'
import type pg from 'pg'
import type { Log } from '../log.ts'
import { backoffMs, mayPass } from '../store/database-errors.ts'
import { createSlots, type Member } from './slots.ts'

/** What a job of the queue names: one turn. */
export type TurnJob = { org_id: string; session_id: string; turn_id: string }

export type Queue = {
  /** False while no jobs are taken although they should be. */
  works: () => boolean
  /** Whether new jobs are taken. Turns that have begun go on. */
  setPaused: (paused: boolean) => void
  /** Takes no new job; resolves when the jobs that it has are done. */
  stop: () => Promise<void>
}

export type QueueOptions = {
  pool: pg.Pool
  /** How many turns of the queue run at once. */
  slots: number
  log: Log
  /** Runs a turn. Calls `begun` once a node has the turn: then its job is done. */
  work: (job: TurnJob, begun: () => void) => Promise<void>
  /** Ends what a parked turn has waited for too long. Should it throw, it is tried again. */
  expire: (job: TurnJob) => Promise<void>
  /** Called every hour on one node; undefined: never. `signal` aborts when the queue stops. */
  hourly: ((signal: AbortSignal) => Promise<void>) | undefined
}

/** Workers of a runner, which begin turns in a loop. The pool's fourth connection listens. */
const workersMax = 3
/** An idle worker looks for jobs this often. NOTIFY wakes it long before. */
const pollIntervalMs = 5_000
const retryMs = 250

const silent = new Logger(() => () => {})

/**
 * Finished jobs are deleted in batches, at once: graphile-worker handles the errors of a batch.
 * Those of a deletion by itself are unhandled rejections.
 */
const preset = { worker: { completeJobBatchDelay: 0, failJobBatchDelay: 0 } }

/** Minute 23, when nobody else comes. A run that breaks is not repeated: the next one is near. */
const hourlyCrontab = '23 * * * * hourly ?jobKey=hourly&max=1'

/** Creates or updates the queue's own tables. */
export async function migrateQueue(pool: pg.Pool): Promise<void> {
  await runMigrations({ pgPool: pool, logger: silent })
}

/** Starts taking jobs. `work` must not throw. */
export async function startQueue(options: QueueOptions): Promise<Queue> {
  const { slots, log } = options
  let stopping = false
  const parting = new AbortController()
  let paused = false
  const allSlots = createSlots(slots)
  const workers = Math.min(slots, workersMax)
  const ending = { stopping: () => stopping, signal: parting.signal }

  /** One takes jobs; others were stopped, and have some left. */
  const runners = new Set<Promise<void>>()
  let current: Current | undefined
  let changing = Promise.resolve()
  await begin()

  async function begin() {
    const member = allSlots.join(workers)
    let started: Current | undefined
    let gaveUp = false
    const onFatal = () => {
      gaveUp = true
      member.leave()
      replace(started)
    }
    const { runner, poolIds } = await startRunner(options, ending, { member, workers, onFatal })
    started = { runner, member }
    current = started
    const over = runner.promise
      .catch((error) => log.error('queue stopped', { error }))
      .then(async () => {
        member.leave()
        if (current === started) await sleep(retryMs)
        replace(started)
        if (gaveUp) await unlock(options, ending, poolIds)
        runners.delete(over)
      })
    runners.add(over)
  }

  /** Starts a new runner in place of one that gave up; the jobs that it still runs go on. */
  function replace(gone: Current | undefined) {
    if (current !== gone) return
    current = undefined
    change()
  }

  /** Starts or stops the runner as wanted. A runner that gave up is replaced. */
  function change() {
    changing = changing.then(async () => {
      const isWanted = !stopping && !paused
      if (current && !isWanted) {
        current.member.leave()
        current.runner.stop().catch(() => {})
        current = undefined
      }
      while (!current && !stopping && !paused) await beginAgain()
    })
  }

  async function beginAgain() {
    await begin().catch(async (error) => {
      log.warn('queue did not start', { error })
      await sleep(retryMs)
    })
  }

  return {
    works: () => paused || current !== undefined,
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

/** Whether the queue stops; `signal` aborts then. */
type Ending = { stopping: () => boolean; signal: AbortSignal }

type Starting = { member: Member; workers: number; onFatal: () => void }

async function startRunner(
  { pool, log, work, expire, hourly }: QueueOptions,
  { stopping, signal }: Ending,
  { member, workers, onFatal }: Starting,
): Promise<{ runner: Runner; poolIds: string[] }> {
  const events: WorkerEvents = new EventEmitter()
  const poolIds: string[] = []
  events.on('pool:create', ({ workerPool }) => poolIds.push(workerPool.id))
  events.on('pool:fatalError', ({ error }) => {
    log.warn('the queue could not finish a job', { error })
    onFatal()
  })
  const starting = run({
    events,
    preset,
    pgPool: patientPool(pool, stopping),
    concurrency: workers,
    pollInterval: pollIntervalMs,
    noHandleSignals: true,
    logger: new Logger(() => (level, message) => {
      if (level === 'error') log.warn('queue', { message })
    }),
    crontab: hourly ? hourlyCrontab : '',
    taskList: {
      turn: (payload) => member.run((begun) => work(payload as TurnJob, begun)),
      expire: (payload) => expire(payload as TurnJob),
      ...(hourly && { hourly: () => hourly(signal) }),
    },
  })
  try {
    return { runner: await starting, poolIds }
  } catch (error) {
    member.leave()
    throw error
  }
}

/** Unlocks jobs that a runner could not delete and would hold for hours. Their turns began. */
async function unlock({ pool }: QueueOptions, { stopping }: Ending, poolIds: string[]) {
  for (let tries = 1; !stopping(); tries += 1) {
    try {
      await pool.query('select graphile_worker.force_unlock_workers($1)', [poolIds])
      return
    } catch (error) {
      await sleep(backoffMs(error, tries))
    }
  }
}

type Current = { runner: Runner; member: Member }

type Connected = (error: Error | undefined, client?: pg.PoolClient, release?: () => void) => void

/** Stands in for a connection that cannot be had while the queue stops: no job is found there. */
const noConnection = {
  query: async () => ({ rows: [] }),
  release() {},
} as unknown as pg.PoolClient

/** The pool for the queue waits for a connection: a refusal pauses the runner for a minute. */
function patientPool(pool: pg.Pool, stopping: () => boolean): pg.Pool {
  async function connect(): Promise<pg.PoolClient> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await pool.connect()
      } catch (error) {
        if (stopping()) return noConnection
        if (!mayPass(error)) throw error
        await sleep(backoffMs(error, tries))
      }
    }
  }

  return Object.create(pool, {
    connect: {
      value(connected?: Connected) {
        if (!connected) return connect()
        connect().then(
          (client) =>
            client === noConnection
              ? connected(new Error('The queue stops.'))
              : connected(undefined, client, () => client.release()),
          connected,
        )
      },
    },
  }) as pg.Pool
}
