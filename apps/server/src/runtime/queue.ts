import { EventEmitter } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  Logger,
  type Runner,
  run,
  runMigrations,
  runTaskListOnce,
  type TaskList,
  type WorkerEvents,
} from 'graphile-worker'
import type pg from 'pg'
import type { Log } from '../log.ts'
import { backoffMs, mayPass } from '../store/database-errors.ts'
import { createSlots, type SlotMember } from './slots.ts'

export type Queue = {
  /** False when jobs should be taken but are not. */
  works: () => boolean
  /** Pauses or resumes taking jobs. Running turns continue. */
  setPaused: (paused: boolean) => void
  /** Takes no new job; resolves when the running jobs are done. */
  stop: () => Promise<void>
}

export type QueueTask =
  /** Work in a slot. Calls `begun` once a node has the work: then its job is done. Never throws. */
  | { work: (job: unknown, begun: () => void) => Promise<void> }
  /** A short task, which needs no slot: every node runs it, also a full one. Retried on errors. */
  | { act: (job: unknown) => Promise<void> }

export type QueueOptions = {
  pool: pg.Pool
  /** Number of jobs of `work` that run at once; 0: none, and no runner. */
  slots: number
  /** Jobs with a flag of these are not fetched. Default: none. */
  lacking?: ReadonlySet<string>
  /** Workers of a runner, which start work in a loop. Listening takes one more connection. */
  workers: number
  /** Polling interval of an idle worker, in ms. NOTIFY usually wakes it earlier. */
  pollIntervalMs: number
  log: Log
  /** The tasks of its jobs, by identifier. The runner takes no job of other tasks. */
  tasks: Record<string, QueueTask>
  /** Called every hour on one node; undefined: never. `signal` aborts when the queue stops. */
  hourly: ((signal: AbortSignal) => Promise<void>) | undefined
}

const retryMs = 250
const pauseMsMax = 5_000
/** A runner that lived for longer worked. */
const stableMs = 10_000
/** Time for deletions that are running when the workers of a runner have stopped. */
const deletionsMs = 2_000
/** How often tasks without a slot are run while no runner takes their jobs. */
const actEveryMs = 1_000

const silent = new Logger(() => () => {})

const warnings = (log: Log) =>
  new Logger(() => (level, message) => {
    if (level === 'error') log.warn('queue', { message })
  })

/**
 * Deletes finished jobs in batches without delay: graphile-worker handles the errors of a batch.
 * Errors of a single deletion are unhandled rejections.
 */
const preset = { worker: { completeJobBatchDelay: 0, failJobBatchDelay: 0 } }

/**
 * Minute 23 avoids the load at the full hour. A failed run is not retried, since the next one
 * follows within the hour.
 */
const hourlyCrontab = '23 * * * * hourly ?jobKey=hourly&max=1'

/** Creates or updates the queue's own tables. */
export async function migrateQueue(pool: pg.Pool): Promise<void> {
  await runMigrations({ pgPool: pool, logger: silent })
}

/** Starts taking jobs. */
export async function startQueue(options: QueueOptions): Promise<Queue> {
  const { slots, log } = options
  let stopping = false
  const parting = new AbortController()
  let paused = false
  const isWanted = () => slots > 0 && !stopping && !paused
  const allSlots = createSlots(slots)
  const workers = Math.min(slots, options.workers)
  const ending = { stopping: () => stopping, signal: parting.signal }

  /** One runner takes jobs; stopped ones may still have some. */
  const runners = new Set<Promise<void>>()
  let current: Current | undefined
  let changing = Promise.resolve()
  /** Runners in succession that gave up soon, or did not start. */
  let failures = 0
  if (isWanted()) await begin()
  // Without a runner, or while one of its workers waits for a slot.
  const acting = actWhile(() => !current?.member.hasSlots(), options, parting.signal)

  async function begin() {
    const member = allSlots.join(workers)
    const gaveUp = Promise.withResolvers<true>()
    const giveUp = () => gaveUp.resolve(true)
    const { runner, ...its } = await startRunner(options, ending, { member, workers, giveUp })
    const started = { runner, member, begunAt: performance.now() }
    current = started
    const ended = runner.promise.catch((error) => log.error('queue stopped', { error }))
    const over = Promise.race([ended, gaveUp.promise]).then(async (isLost) => {
      member.leave()
      replace(started)
      if (isLost) await putAway({ ...its, runner, ended }, options, ending)
      runners.delete(over)
    })
    runners.add(over)
  }

  /** Replaces a runner that gave up or ended. Its running jobs continue. */
  function replace(gone: Current) {
    if (current !== gone) return
    failures = performance.now() - gone.begunAt > stableMs ? 1 : failures + 1
    current = undefined
    change()
  }

  /** Starts or stops the runner as wanted, and replaces one that gave up. */
  function change() {
    changing = changing.then(async () => {
      if (current && !isWanted()) {
        current.member.leave()
        current.runner.stop().catch(() => {})
        current = undefined
      }
      while (!current && isWanted()) await beginAgain()
    })
  }

  async function beginAgain() {
    await sleep(pauseAfter(failures), undefined, ending).catch(() => {})
    if (!isWanted()) return
    await begin().catch((error) => {
      failures += 1
      log.warn('could not start the queue', { error })
    })
  }

  return {
    works: () => slots === 0 || paused || current !== undefined,
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
      await Promise.all([acting, ...runners])
    },
  }
}

/** Whether the queue stops; `signal` aborts then. */
type Ending = { stopping: () => boolean; signal: AbortSignal }

type Starting = { member: SlotMember; workers: number; giveUp: () => void }

/** `stopped` resolves when its workers have stopped, and with them their jobs have ended. */
type StartedRunner = { runner: Runner; poolIds: string[]; stopped: Promise<void> }

async function startRunner(
  { pool, lacking, log, pollIntervalMs, tasks, hourly }: QueueOptions,
  { stopping, signal }: Ending,
  { member, workers, giveUp }: Starting,
): Promise<StartedRunner> {
  const events: WorkerEvents = new EventEmitter()
  const poolIds: string[] = []
  events.on('pool:create', ({ workerPool }) => poolIds.push(workerPool.id))
  events.on('pool:fatalError', ({ error }) => {
    log.warn('the queue could not finish a job', { error })
    giveUp()
  })
  onFailedLookup(events, (error) => {
    log.warn('the queue could not look for jobs', { error })
    giveUp()
  })
  const stopped = untilStopped(events, workers)
  const starting = run({
    events,
    preset,
    pgPool: patientPool(pool, stopping),
    concurrency: workers,
    pollInterval: pollIntervalMs,
    noHandleSignals: true,
    logger: warnings(log),
    forbiddenFlags: () => [...(lacking ?? [])],
    crontab: hourly ? hourlyCrontab : '',
    taskList: {
      ...tasksOf(tasks, member),
      ...(hourly && { hourly: () => hourly(signal) }),
    },
  })
  try {
    return { runner: await starting, poolIds, stopped }
  } catch (error) {
    member.leave()
    throw error
  }
}

function untilStopped(events: WorkerEvents, workers: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  let left = workers
  events.on('worker:stop', () => {
    left -= 1
    if (left === 0) resolve()
  })
  return promise
}

/**
 * A runner of graphile-worker looks up its tasks before its first job, and keeps an error: each of
 * its polls would fail. `call` gets the error of the first poll, if there is one.
 */
function onFailedLookup(events: WorkerEvents, call: (error: unknown) => void) {
  let isFirst = true
  const looked = () => {
    isFirst = false
  }
  events.once('worker:getJob:empty', looked).once('job:start', looked)
  events.once('worker:getJob:error', ({ error }) => {
    if (isFirst) call(error)
  })
}

type Lost = StartedRunner & { ended: Promise<void> }

/**
 * Waits for the jobs of a runner that gave up. Then unlocks those that it could not delete, and
 * would hold for hours. The library may never end such a runner: it miscounts deletions after one
 * that failed.
 */
async function putAway(lost: Lost, options: QueueOptions, ending: Ending): Promise<void> {
  lost.runner.stop().catch(() => {})
  await lost.stopped
  await Promise.race([lost.ended, sleep(deletionsMs)])
  await unlock(options, ending, lost.poolIds)
}

/** Each runner that was replaced stays in a cache of the library: a long outage needs pauses. */
const pauseAfter = (failures: number) =>
  failures === 0 ? 0 : Math.min(retryMs * 2 ** (failures - 1), pauseMsMax)

const tasksOf = (tasks: Record<string, QueueTask>, member: SlotMember): TaskList =>
  Object.fromEntries(
    Object.entries(tasks).map(([name, task]) => [
      name,
      'act' in task
        ? (job) => task.act(job)
        : (job) => member.run((begun) => task.work(job, begun)),
    ]),
  )

/**
 * Runs the tasks without a slot beside the runner, while it may take none of their jobs. Ends with
 * `signal`. Contract: executes no statement otherwise; never throws.
 */
async function actWhile(
  isNeeded: () => boolean,
  { pool, log, tasks }: QueueOptions,
  signal: AbortSignal,
) {
  const acts = Object.fromEntries(
    Object.entries(tasks).flatMap(([name, task]) => ('act' in task ? [[name, task.act]] : [])),
  )
  if (Object.keys(acts).length === 0) return
  // One object for all calls: the library caches by it.
  const events: WorkerEvents = new EventEmitter()
  const how = { preset, noHandleSignals: true, logger: warnings(log), events }
  // It keeps a failed look-up of the tasks until their names have another order.
  events.on('worker:getJob:error', () => {
    const [name, act] = Object.entries(acts)[0]!
    delete acts[name]
    acts[name] = act
  })
  while (!signal.aborted) {
    await sleep(actEveryMs, undefined, { signal }).catch(() => {})
    if (signal.aborted || !isNeeded()) continue
    try {
      const client = await pool.connect()
      await runTaskListOnce(how, acts, client).promise.finally(() => client.release())
    } catch (error) {
      log.warn('could not run tasks beside the turns', { error })
    }
  }
}

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

type Current = { runner: Runner; member: SlotMember; begunAt: number }

type Connected = (error: Error | undefined, client?: pg.PoolClient, release?: () => void) => void

/** Replaces a connection that is unavailable while the queue stops: it returns no jobs. */
const noConnection = {
  query: async () => ({ rows: [] }),
  release() {},
} as unknown as pg.PoolClient

/** graphile-worker may release the connection that listens twice, which throws. */
function releaseOnce(client: pg.PoolClient): () => void {
  let isReleased = false
  return () => {
    if (!isReleased) client.release()
    isReleased = true
  }
}

/** A pool that waits for a connection: a refusal would pause the runner for a minute. */
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
              ? connected(new Error('The queue is stopping.'))
              : connected(undefined, client, releaseOnce(client)),
          connected,
        )
      },
    },
  }) as pg.Pool
}
