import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { closeSync, openSync, readFileSync, statSync, truncateSync } from 'node:fs'
import { open, readFile, rename, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ClusterPaths, directoryFor, environment } from './cluster.ts'
import { EmbeddedError } from './error.ts'

/** A running postgres. `exited` resolves when it has ended, for any reason. */
export type Postmaster = { port: number; exited: Promise<void>; stop: () => Promise<void> }

export type PostmasterOptions = ClusterPaths & {
  port: number
  settings: Record<string, string>
  /** Aborts a start that is under way. */
  signal?: AbortSignal
}

const logBytesMax = 10 * 1024 * 1024
const pollMs = 5
const readyMs = 300_000
const fastStopMs = 10_000
const hardStopMs = 5_000

/** postgres ended before it accepted connections; the message is its log output. */
export class PostmasterExit extends Error {
  override name = 'PostmasterExit'

  get portTaken() {
    return /could not create any TCP\/IP sockets/.test(this.message)
  }

  /** True while processes of a killed postmaster have not ended yet. */
  get memoryInUse() {
    return /pre-existing shared memory block/.test(this.message)
  }
}

/**
 * Settings that the server requires. The log file has no statements and no values: the application
 * logs those.
 */
const ourSettings = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '100',
  shared_buffers: '128MB',
  min_wal_size: '80MB',
  max_wal_size: '1GB',
  // Before the first analysis, a lookup of a session reads the index of its whole organization.
  autovacuum_naptime: '10s',
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_checkpoints: 'off',
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
}

/** Starts postgres and returns once it accepts connections; throws PostmasterExit if it ends. */
export async function startPostmaster(options: PostmasterOptions): Promise<Postmaster> {
  const { dataDir, cluster, account, binaries, port } = options
  const logFile = path.join(dataDir, 'postgres.log')
  const logStart = await rotateLog(logFile)
  forgetReady(cluster)
  const logFd = openSync(logFile, 'a', 0o600)
  const settings = Object.entries({ ...ourSettings, ...options.settings })
  const child = spawn(
    binaries.postgres,
    [
      ...['-D', directoryFor(account, cluster), '-p', String(port)],
      ...settings.flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    {
      ...account,
      cwd: cluster,
      env: environment(),
      // A process group of its own: Ctrl-C in a terminal reaches only this process, which stops
      // postgres after the last statement.
      detached: true,
      stdio: ['ignore', logFd, logFd],
    },
  )
  closeSync(logFd)
  child.unref()
  const exited = new Promise<void>((resolve) => {
    child.once('error', () => resolve())
    child.once('exit', () => resolve())
  })
  // Ends postgres with this process, even where `stop` was not called.
  const endWithUs = () => child.kill('SIGINT')
  process.once('exit', endWithUs)
  exited.then(() => process.off('exit', endWithUs))
  if (!(await becomesReady(child, options))) {
    throw new PostmasterExit(await readFrom(logFile, logStart))
  }
  return { port, exited, stop: () => stopChild(child, exited) }
}

/** Rotates the log, which has at most two files; returns the position of the next line. */
async function rotateLog(file: string) {
  const sizeBytes = await sizeOf(file)
  if (sizeBytes <= logBytesMax) return sizeBytes
  await rename(file, `${file}.1`)
  return 0
}

const sizeOf = (file: string) =>
  stat(file).then(
    ({ size }) => size,
    () => 0,
  )

async function readFrom(file: string, start: number) {
  const handle = await open(file, 'r')
  try {
    const { buffer, bytesRead } = await handle.read({
      buffer: Buffer.alloc(65_536),
      position: start,
    })
    return buffer.toString('utf8', 0, bytesRead)
  } finally {
    await handle.close()
  }
}

/** Waits until the pid file reports readiness, as pg_ctl does. */
async function becomesReady(child: ChildProcess, { cluster, signal }: PostmasterOptions) {
  const failed = new Promise<never>((_, reject) => child.once('error', reject))
  failed.catch(() => {})
  const deadline = Date.now() + readyMs
  while (child.exitCode === null && child.signalCode === null) {
    const state = readPidFile(cluster)
    if (state?.pid === child.pid && state?.ready) return true
    if (signal?.aborted) child.kill('SIGINT')
    if (Date.now() > deadline) {
      child.kill('SIGQUIT')
      throw new EmbeddedError('The embedded PostgreSQL was not ready within 5 minutes.')
    }
    await Promise.race([sleep(pollMs), failed])
  }
  return false
}

/** The line of the pid file with the state of postgres, from 0. */
const stateLine = 7

type State = { pid: number; port: number; ready: boolean }

function readPidFile(cluster: string): State | undefined {
  try {
    const lines = readFileSync(path.join(cluster, 'postmaster.pid'), 'utf8').split('\n')
    const ready = lines[stateLine]?.trim() === 'ready'
    return { pid: Number(lines[0]), port: Number(lines[3]), ready }
  } catch {
    return undefined
  }
}

/**
 * Removes the ready state from a stale pid file. In a container, the next postgres often gets the
 * same pid and would count as ready too early.
 * Contract: no postgres runs on the cluster. The lines that postgres itself checks stay in the
 * file.
 */
function forgetReady(cluster: string) {
  const file = path.join(cluster, 'postmaster.pid')
  try {
    const before = readFileSync(file, 'utf8').split('\n').slice(0, stateLine).join('\n')
    truncateSync(file, Buffer.byteLength(before))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

async function stopChild(child: ChildProcess, exited: Promise<void>) {
  const steps = [
    ['SIGINT', fastStopMs],
    ['SIGQUIT', hardStopMs],
    ['SIGKILL', hardStopMs],
  ] as const
  for (const [signal, waitMs] of steps) {
    child.kill(signal)
    const waited = new AbortController()
    const late = sleep(waitMs, 'late', { signal: waited.signal }).catch(() => {})
    const outcome = await Promise.race([exited, late])
    waited.abort()
    if (outcome !== 'late') return
  }
}

/**
 * Stops the postgres that a killed server left behind, so that a new one can start.
 * Contract: call it with DATA_DIR locked. If the pid in the file now belongs to another process,
 * the file is disowned. The lines stay by which postgres detects processes that still hold its old
 * shared memory.
 */
export async function stopOrphan(cluster: string): Promise<void> {
  const state = readPidFile(cluster)
  if (!state || !(state.pid > 0) || !isRunning(state.pid)) return
  if (!isPostmasterOf(cluster, state)) return disown(cluster, state.pid)
  const gone = () => readPidFile(cluster)?.pid !== state.pid || !isRunning(state.pid)
  for (const [signal, waitMs] of [
    ['SIGINT', fastStopMs],
    ['SIGQUIT', hardStopMs],
  ] as const) {
    signalTo(state.pid, signal)
    const deadline = Date.now() + waitMs
    while (!gone() && Date.now() < deadline) await sleep(pollMs)
    if (gone()) return
  }
  throw new EmbeddedError(
    `A PostgreSQL (pid ${state.pid}) that an earlier server left in ${cluster} does not stop: end it first.`,
  )
}

function signalTo(pid: number, signal: NodeJS.Signals) {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** True for a running process. A zombie (in a container without an init) does not count. */
function isRunning(pid: number) {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  return !/^State:\s+Z/m.test(procFile(pid, 'status'))
}

function procFile(pid: number, name: string) {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8')
  } catch {
    return ''
  }
}

/**
 * Identifies the postmaster despite reused pids: a postgres in this directory, or on its port if
 * the directory is hidden.
 */
function isPostmasterOf(cluster: string, { pid, port }: State) {
  const command =
    procFile(pid, 'cmdline').replaceAll('\0', ' ') ||
    (spawnSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).stdout ?? '')
  if (!command.includes('postgres') || !command.includes(` -p ${port} `)) return false
  if (process.platform !== 'linux') return command.includes(cluster)
  try {
    const [theirs, ours] = [statSync(`/proc/${pid}/cwd`), statSync(cluster)]
    return theirs.dev === ours.dev && theirs.ino === ours.ino
  } catch {
    return true
  }
}

/**
 * Puts this process's pid into the pid file: PostgreSQL ignores a pid of its parent, and checks the
 * rest.
 */
async function disown(cluster: string, pid: number) {
  const file = path.join(cluster, 'postmaster.pid')
  const text = await readFile(file, 'utf8')
  await writeFile(file, text.replace(String(pid), String(process.pid)))
}
