import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Log } from '../../log.ts'
import { findSystemAccount } from './account.ts'
import { findBinaries } from './binaries.ts'
import { type ClusterPaths, ensureCluster } from './cluster.ts'
import { lockDataDir, makeDataDir } from './data-dir.ts'
import { EmbeddedError, inWords, outputInWords } from './error.ts'
import { type Postmaster, PostmasterExit, startPostmaster, stopOrphan } from './postmaster.ts'

export { findMasterKeys, readOrCreateMasterKeys, writeMasterKeys } from './data-dir.ts'
export { EmbeddedError } from './error.ts'

/** The embedded PostgreSQL, which listens on loopback only. `stop` may be called more than once. */
export type Embedded = { url: string; port: number; stop: () => Promise<void> }

export type EmbeddedOptions = {
  dataDir: string
  log: Log
  /** PostgreSQL ended and could not be restarted within a minute. */
  onFatal: (error: Error) => void
  /** Additional settings of PostgreSQL. */
  settings?: Record<string, string>
}

const database = 'outlast'
const portAttemptsMax = 20
const memoryWaitMs = 10_000
const memoryPauseMs = 50
const pauseMsMin = 100
const pauseMsMax = 5_000
const outageMsMax = 60_000
const steadyMs = 10_000

/**
 * Starts the PostgreSQL of DATA_DIR, which the first start creates, and keeps it running until
 * `stop`.
 * Contract: one server at a time holds a DATA_DIR. First stops a postgres that a killed server left
 * running. When postgres ends, it is restarted on the same port, so that pools reconnect. Throws
 * EmbeddedError.
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const dataDir = path.resolve(options.dataDir)
  try {
    await makeDataDir(dataDir)
    const unlock = lockDataDir(dataDir)
    return await startLocked({ ...options, dataDir }, unlock).catch((error) => {
      unlock()
      throw error
    })
  } catch (error) {
    if (error instanceof PostmasterExit) throw outputInWords('postgres', error.message, dataDir)
    throw inWords(error, dataDir)
  }
}

async function startLocked(options: EmbeddedOptions, unlock: () => void): Promise<Embedded> {
  const { dataDir, settings = {} } = options
  const cluster = path.join(dataDir, 'postgres')
  const account = await findSystemAccount(cluster)
  const place = { dataDir, cluster, account, binaries: await findBinaries(dataDir, account) }
  const password = await ensureCluster(place)
  await stopOrphan(cluster)
  const first = await startOnFreePort(place, settings)
  const url = (name: string) => `postgres://postgres:${password}@127.0.0.1:${first.port}/${name}`
  await ensureDatabase(url).catch(async (error) => {
    await first.stop()
    throw error
  })
  const again = (signal: AbortSignal) =>
    startPostmaster({ ...place, settings, port: first.port, signal })
  const supervised = supervisePostgres(first, again, options)
  let stopped: Promise<void> | undefined
  return {
    url: url(database),
    port: first.port,
    stop() {
      stopped ??= supervised.stop().finally(unlock)
      return stopped
    },
  }
}

async function startOnFreePort(place: ClusterPaths, settings: Record<string, string>) {
  const deadline = Date.now() + memoryWaitMs
  for (let attempt = 1; ; attempt++) {
    try {
      return await startPostmaster({ ...place, settings, port: await freePort() })
    } catch (error) {
      if (!(error instanceof PostmasterExit)) throw error
      const again = error.memoryInUse
        ? Date.now() < deadline
        : error.portTaken && attempt < portAttemptsMax
      if (!again) throw error
      if (error.memoryInUse) await sleep(memoryPauseMs)
    }
  }
}

/** Finds a port below those of outgoing connections: it stays free while postgres restarts. */
async function freePort() {
  for (let attempt = 1; attempt <= portAttemptsMax; attempt++) {
    const port = randomInt(15_000, 32_000)
    if (await isFree(port)) return port
  }
  throw new EmbeddedError('No free port was found for the embedded PostgreSQL.')
}

function isFree(port: number) {
  return new Promise<boolean>((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen({ port, host: '127.0.0.1', exclusive: true }, () =>
      probe.close(() => resolve(true)),
    )
  })
}

const noSuchDatabase = '3D000'

async function ensureDatabase(url: (name: string) => string) {
  const missing = await query(url(database), 'select 1').then(
    () => false,
    (error) => {
      if (error.code === noSuchDatabase) return true
      throw error
    },
  )
  if (missing) await query(url('postgres'), `create database ${database}`)
}

async function query(url: string, text: string) {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 })
  client.on('error', () => {})
  await client.connect()
  try {
    await client.query(text)
  } finally {
    await client.end()
  }
}

/** Restarts postgres with backoff whenever it ends unexpectedly. */
function supervisePostgres(first: Postmaster, start: Start, { log, onFatal }: EmbeddedOptions) {
  const stopping = new AbortController()
  let current = first

  const watch = async () => {
    let outage: Outage | undefined
    for (;;) {
      const startedAt = Date.now()
      await current.exited
      if (stopping.signal.aborted) return
      if (outage === undefined || Date.now() - startedAt > steadyMs) outage = newOutage()
      log.warn('PostgreSQL ended unexpectedly; restarting it')
      const next = await startAgain(start, outage, stopping.signal, log)
      if (next === undefined) return
      current = next
      log.info('PostgreSQL is running again')
      if (stopping.signal.aborted) await current.stop()
    }
  }
  const watching = watch().catch(onFatal)

  return {
    async stop() {
      stopping.abort()
      await current.stop()
      await watching
    },
  }
}

type Start = (signal: AbortSignal) => Promise<Postmaster>

/** Start of the current series of short runs of postgres, and the pause before the next attempt. */
type Outage = { pauseMs: number; deadline: number }

const newOutage = () => ({ pauseMs: 0, deadline: Date.now() + outageMsMax })

/** Restarts postgres. Undefined when it no longer has to run. */
async function startAgain(start: Start, outage: Outage, signal: AbortSignal, log: Log) {
  let reason = 'it ended soon after each start'
  while (!signal.aborted) {
    await sleep(outage.pauseMs, undefined, { signal }).catch(() => {})
    outage.pauseMs = Math.min(Math.max(outage.pauseMs * 2, pauseMsMin), pauseMsMax)
    try {
      return await start(signal)
    } catch (error) {
      reason = (error as Error).message.trim()
      if (!signal.aborted) log.warn('PostgreSQL did not start', { reason })
    }
    if (Date.now() > outage.deadline) {
      throw new EmbeddedError(`PostgreSQL could not be restarted for a minute: ${reason}`)
    }
  }
  return undefined
}
