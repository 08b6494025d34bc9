import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { reservePort } from '../../test/ports.ts'
import { addMishap, type Mishap } from '../evidence.ts'
import { type FaultyProxy, startProxy } from './proxy.ts'

export type Role = 'all' | 'api' | 'worker'

/** One node: a process that is restarted on the same port. */
export type ClusterNode = {
  name: string
  role: Role
  url: string
  proxy: FaultyProxy
  state: () => 'up' | 'stopped' | 'down'
  start: () => Promise<void>
  kill: () => Promise<void>
  stop: () => void
  continue: () => void
  /** SIGTERM; true when it exited with code 0. */
  end: () => Promise<boolean>
}

export type Cluster = {
  nodes: ClusterNode[]
  /** The nodes that answer requests. */
  doors: ClusterNode[]
  /** True while a node that runs turns is up and reaches the database. */
  isAble: () => boolean
  /** Set by the fault that makes the database unavailable. */
  database: { isUp: boolean }
  /** Unexpected behavior of nodes without an injected cause. */
  mishaps: Mishap[]
  stop: () => Promise<void>
}

export type ClusterOptions = {
  roles: readonly Role[]
  databaseUrl: string
  /** The folder of the ledger and the logs of the nodes. */
  folder: string
}

const file = fileURLToPath(new URL('./node.ts', import.meta.url))
const endMsMax = 30_000
const startsMax = 5
const restartMs = 1_000

/** Creates nodes, each with a proxy between it and the database; none runs yet. */
export async function openCluster(options: ClusterOptions): Promise<Cluster> {
  const nodes: ClusterNode[] = []
  const mishaps: Mishap[] = []
  for (const [index, role] of options.roles.entries()) {
    nodes.push(await openNode({ ...options, mishaps }, { name: `node ${index + 1}`, role }))
  }
  const database = { isUp: true }
  return {
    nodes,
    doors: nodes.filter(({ role }) => role !== 'worker'),
    database,
    mishaps,
    isAble: () => database.isUp && nodes.some((node) => node.role !== 'api' && isAble(node)),
    async stop() {
      await Promise.all(nodes.map((node) => node.kill()))
      await Promise.all(nodes.map(({ proxy }) => proxy.close()))
    },
  }
}

const isAble = ({ state, proxy }: ClusterNode) => state() === 'up' && proxy.passes()

type About = { name: string; role: Role }
type Mishaps = { mishaps: Mishap[] }

async function openNode(
  options: ClusterOptions & Mishaps,
  { name, role }: About,
): Promise<ClusterNode> {
  const { folder, mishaps } = options
  const { hostname: host, port: databasePort } = new URL(options.databaseUrl)
  const proxy = await startProxy({ host, port: Number(databasePort || 5432) })
  const databaseUrl = new URL(options.databaseUrl)
  databaseUrl.hostname = '127.0.0.1'
  databaseUrl.port = String(proxy.port)
  const port = Number(await reservePort())
  const env = environment({ role, port, databaseUrl: databaseUrl.href, folder })
  const logFile = path.join(folder, `${name.replace(' ', '-')}.log`)
  const lastWords = () => readFileSync(logFile, 'utf8').slice(-1_000)
  const running = keepProcess({
    launch: () => launch(env, path.join(folder, 'ledger.jsonl'), logFile),
    onEnd: (how) => addMishap(mishaps, `${name} ended by itself, ${how}: ${lastWords()}`),
    lastWords,
  })
  return {
    name,
    role,
    url: `http://127.0.0.1:${port}`,
    proxy,
    ...running,
    kill: async () => void (await running.leave('SIGKILL')),
    end: () => running.leave('SIGTERM'),
  }
}

type Kept = {
  launch: () => ChildProcess
  /** It ended unexpectedly, with a code or a signal. It is restarted, as a supervisor would do. */
  onEnd: (how: string) => void
  /** Its last output before it ended. */
  lastWords: () => string
}

/** A process that is started, stopped, continued and ended repeatedly. */
function keepProcess({ launch: begin, onEnd, lastWords }: Kept) {
  let child: ChildProcess | undefined
  let leaving: ChildProcess | undefined
  let restart: NodeJS.Timeout | undefined
  let state: 'up' | 'stopped' | 'down' = 'down'

  async function start() {
    if (isRunning(child)) return
    for (let attempt = 1; ; attempt += 1) {
      const started = begin()
      child = started
      started.once('exit', () => ended(started))
      if (await becomesReady(started)) break
      if (attempt === startsMax) throw new Error(`A node does not start: ${lastWords()}`)
    }
    state = 'up'
  }

  function ended(which: ChildProcess) {
    const wasUp = state !== 'down'
    state = 'down'
    if (!wasUp || leaving === which) return
    onEnd(`code ${which.exitCode}, signal ${which.signalCode}`)
    restart = setTimeout(() => start().catch(() => {}), restartMs)
  }

  /** True when it exited with code 0. */
  async function leave(signal: NodeJS.Signals) {
    clearTimeout(restart)
    const told = child
    if (!told || !isRunning(told)) return false
    leaving = told
    const timer = setTimeout(() => told.kill('SIGKILL'), endMsMax)
    const gone = new Promise<void>((resolve) => told.once('exit', () => resolve()))
    told.kill(signal)
    await gone
    clearTimeout(timer)
    return told.exitCode === 0
  }

  return {
    state: () => state,
    start,
    leave,
    stop() {
      child?.kill('SIGSTOP')
      if (state === 'up') state = 'stopped'
    },
    continue() {
      child?.kill('SIGCONT')
      if (state === 'stopped') state = 'up'
    },
  }
}

type Settings = { role: Role; port: number; databaseUrl: string; folder: string }

function environment({ role, port, databaseUrl, folder }: Settings) {
  return {
    PATH: process.env.PATH,
    NODE_COMPILE_CACHE: path.join(folder, 'compile-cache'),
    ROLE: role,
    PORT: String(port),
    DATABASE_URL: databaseUrl,
    LOG_LEVEL: 'info',
    SECRETS_ENCRYPTION_KEY: `chaos:${Buffer.alloc(32, 1).toString('base64')}`,
    PRIVATE_HOSTS_ALLOWED: 'webhook=127.0.0.1,provider=127.0.0.1',
    SIMULATED_MODELS: 'always',
    SIMULATED_SCRIPTS: 'true',
    SSE_HEARTBEAT_MS: '1000',
    SHUTDOWN_GRACE_MS: '1500',
  }
}

function launch(env: NodeJS.ProcessEnv, ledger: string, logFile: string): ChildProcess {
  const log = openSync(logFile, 'a')
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', file, ledger], {
    env,
    // A process group of its own: Ctrl-C reaches only this process, which ends it.
    detached: true,
    stdio: ['ignore', 'pipe', log],
  })
  closeSync(log)
  const endWithUs = () => child.kill('SIGKILL')
  process.once('exit', endWithUs)
  child.once('exit', () => process.off('exit', endWithUs))
  return child
}

const isRunning = (child: ChildProcess | undefined) =>
  child !== undefined && child.exitCode === null && child.signalCode === null

/** False when it ended before it was ready. */
function becomesReady(child: ChildProcess): Promise<boolean> {
  return new Promise((resolve) => {
    child.once('error', () => resolve(false))
    child.once('exit', () => resolve(false))
    child.stdout!.once('data', () => resolve(true))
    child.stdout!.resume()
  })
}
