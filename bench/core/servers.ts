import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { settings } from '../../apps/server/src/config/settings.ts'

const main = fileURLToPath(new URL('../../apps/server/start.js', import.meta.url))
const readyMsMax = 60_000
const pauseMs = 5

/**
 * A child process that serves HTTP. `readyMs`: from its start to the first 200 of its health check.
 */
export type Server = {
  url: string
  pid: number
  readyMs: number
  stop: () => Promise<void>
  /** Ends it with -9, without a shutdown. */
  kill: () => Promise<void>
}

export type Program = {
  env?: Record<string, string>
  /** Arguments of Node, before the file. */
  nodeArgs?: string[]
  /** Default: that of this process. */
  cwd?: string
  /** Arguments of the program. */
  args?: string[]
}

/** Starts our server, as `npm start` does. */
export const startOutlast = (program: Program = {}) => startNode(main, program)

/** Starts a server of `bench/` to compare with. */
export const startBare = (file: string, program: Program = {}) =>
  startNode(fileURLToPath(new URL(`../${file}`, import.meta.url)), program)

/** A server of any file that listens on PORT. */
export async function startNode(
  file: string,
  { env = {}, nodeArgs = [], args = [], cwd }: Program,
): Promise<Server> {
  const port = env.PORT === undefined ? await freePort() : Number(env.PORT)
  return startServer({
    command: [
      process.execPath,
      '--disable-warning=ExperimentalWarning',
      ...nodeArgs,
      file,
      ...args,
    ],
    env: {
      ...cleanEnvironment(),
      LOG_LEVEL: 'warn',
      SIMULATED_SCRIPTS: 'true',
      ...env,
      PORT: String(port),
    },
    port,
    ...(cwd && { cwd }),
  })
}

export type Command = {
  command: [program: string, ...args: string[]]
  env: NodeJS.ProcessEnv
  port: number
  cwd?: string
  /** A path that returns 200 once the server is ready. */
  health?: string
  /** True for a program with child processes, which all need the signal. */
  family?: boolean
  /** Receives the program's output; without it, only its errors are shown. */
  logFile?: string
}

/** Starts any program that serves HTTP on a port of loopback. */
export async function startServer({
  command: [program, ...args],
  port,
  health = '/health/ready',
  family = false,
  logFile,
  ...spawning
}: Command): Promise<Server> {
  const begun = performance.now()
  const output = logFile === undefined ? undefined : openSync(logFile, 'w')
  const stdio: StdioOptions = ['ignore', output ?? 'ignore', output ?? 'inherit']
  const child = spawn(program, args, { ...spawning, stdio, detached: family })
  if (output !== undefined) closeSync(output)
  const signal = (name: NodeJS.Signals) => {
    if (family) signalGroup(child.pid!, name)
    else child.kill(name)
  }
  // No server outlives the benchmark, even after a failure.
  const endWithUs = () => signal('SIGTERM')
  process.once('exit', endWithUs)
  child.once('exit', () => process.off('exit', endWithUs))
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const end = async (name: NodeJS.Signals) => {
    if (hasEnded(child)) return
    signal(name)
    await exited
  }
  const url = `http://127.0.0.1:${port}`
  await untilReady(child, url + health).catch(async (error) => {
    await end('SIGKILL')
    throw error
  })
  const readyMs = performance.now() - begun
  const [stop, kill] = [() => end('SIGTERM'), () => end('SIGKILL')]
  return { url, pid: child.pid!, readyMs, stop, kill }
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess) =>
  exitCode !== null || signalCode !== null

/** Signals a process group. Ignores one that has already ended. */
function signalGroup(pid: number, name: NodeJS.Signals) {
  try {
    process.kill(-pid, name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

async function untilReady(child: ChildProcess, health: string) {
  const deadline = Date.now() + readyMsMax
  while (Date.now() < deadline && !hasEnded(child)) {
    const ready = await fetch(health).then(
      ({ ok }) => ok,
      () => false,
    )
    if (ready) return
    await sleep(pauseMs)
  }
  throw new Error('A server did not become ready.')
}

/** Returns the environment without our settings, databases and vendors. */
function cleanEnvironment() {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !(name in settings) && !/_API_KEY$|^PG[A-Z]+$|^NODE_OPTIONS$/.test(name),
    ),
  )
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number }
      probe.close(() => resolve(port))
    })
  })
}

/** Runs `work` with a temporary DATA_DIR. */
export async function withDataDir<T>(work: (dataDir: string) => Promise<T>): Promise<T> {
  const dataDir = await mkdtemp(path.join(os.tmpdir(), 'outlast-bench-'))
  try {
    return await work(dataDir)
  } finally {
    await rm(dataDir, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** Returns the URL of the embedded PostgreSQL of a running server. */
export function databaseUrl(dataDir: string, name = 'outlast'): string {
  const password = readFileSync(path.join(dataDir, 'postgres.password'), 'utf8').trim()
  const pidFile = readFileSync(path.join(dataDir, 'postgres', 'postmaster.pid'), 'utf8')
  return `postgres://postgres:${password}@127.0.0.1:${pidFile.split('\n')[3]}/${name}`
}

/** Resident memory of a process, in MB. */
export function residentMb(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+)/.exec(status)![1]) / 1024
}

/** Processor time of a process in ms. Other load hardly changes it. */
export function busyMs(pid: number): number {
  return timesOf(pid).own
}

/** The same of the embedded PostgreSQL of a running server, with all of its processes. */
export function databaseBusyMs(dataDir: string): number {
  const pidFile = readFileSync(path.join(dataDir, 'postgres', 'postmaster.pid'), 'utf8')
  const first = Number(pidFile.split('\n')[0])
  const { own, ended } = timesOf(first)
  const running = processes().filter(({ parent }) => parent === first)
  return running.reduce((sum, process) => sum + process.own, own + ended)
}

function processes() {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return []
    try {
      return [timesOf(Number(name))]
    } catch {
      // It has ended.
      return []
    }
  })
}

/** `ended`: the time of its children that have ended. */
function timesOf(pid: number) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [user, system, userEnded, systemEnded] = fields.slice(11, 15).map(Number)
  // The kernel counts in hundredths of a second on every machine.
  return {
    parent: Number(fields[1]),
    own: (user! + system!) * 10,
    ended: (userEnded! + systemEnded!) * 10,
  }
}
