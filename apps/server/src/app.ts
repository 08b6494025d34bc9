import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { createAccess } from './access/access.ts'
import { storeAdminPassword } from './access/administrator.ts'
import type { ProcessKey } from './access/process-key.ts'
import { createQuotas } from './access/quotas.ts'
import { emptyProject, type Project } from './authoring/project.ts'
import { readBuild } from './build.ts'
import type { Capability } from './capabilities/capability.ts'
import { checkCatalog } from './capabilities/catalog/catalog.ts'
import { builtins } from './capabilities/index.ts'
import { createMcp } from './capabilities/mcp/mcp.ts'
import { isBroad } from './config/private-hosts.ts'
import { type Config, ConfigError } from './config.ts'
import { type InProcess, inProcessUrl } from './http/in-process/in-process.ts'
import type { BodyTimes } from './http/security/slow-bodies.ts'
import { createHttp } from './http/server.ts'
import { createLog, type Log } from './log.ts'
import type { ExporterOptions } from './observe/exporter.ts'
import { createMetrics } from './observe/metrics.ts'
import { keepTally } from './observe/tally.ts'
import { createFetchBudgets } from './outbound/fetch-budget.ts'
import { createOutbound } from './outbound/outbound.ts'
import { servicesOf } from './outbound/own-services.ts'
import { checkFileAgents, storeFileAgents } from './project/file-agents.ts'
import type { ProjectLocation } from './project/load.ts'
import { createThreads } from './project/threads/threads.ts'
import { keepEvaluating } from './runtime/alerts.ts'
import type { EventHooksOptions } from './runtime/hooks/event-hooks.ts'
import { eventHooksOf } from './runtime/hooks/names.ts'
import { createBreaker } from './runtime/model/circuit-breaker.ts'
import { fileLimits, type Node, noLocalTurns } from './runtime/node.ts'
import { migrateQueue } from './runtime/queue.ts'
import { startRuntime } from './runtime/runtime.ts'
import { keepSweeping } from './runtime/sweeps.ts'
import { createSecrets } from './secrets.ts'
import { createBus } from './store/bus/bus.ts'
import { keepComparing } from './store/bus/compare.ts'
import { connectNotify } from './store/bus/notify.ts'
import type { TransportEvents } from './store/bus/outbox.ts'
import { divideConnections } from './store/connection-shares.ts'
import { createPool, type DatabaseWaits, databaseWaits, openDatabase } from './store/database.ts'
import { type Embedded, startEmbedded } from './store/embedded/embedded.ts'
import { startGrep } from './store/files/grep.ts'
import { createHistory } from './store/history.ts'
import { bindSealed } from './store/key-rotation.ts'
import { seed } from './store/models/seeds.ts'
import { checkMasterKeys, nodeMasterKeys } from './store/start/master-keys.ts'
import { migrate } from './store/start/migrate.ts'

const appConnections = 9
const queueConnections = 4
const connectionsPerHook = 2
const eventHookLimitMsMax = 30_000
const leaseTimeoutMs = 1_000

const manifest = new URL('../package.json', import.meta.url)
export const version = (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version

export type App = {
  /** The address of the server, such as `http://127.0.0.1:9000`. */
  url: string
  inProcess: InProcess
  /** The credential of clients in this process. */
  processKey: ProcessKey
  /** Accepts no more connections, so that another process can serve on the port. */
  leavePort: () => void
  /** Ends streams, hands over turns, and then stops the database. */
  stop: () => Promise<void>
}

export type AppOptions = {
  /** Capabilities besides those of the project. Default: the built-in ones. */
  capabilities?: readonly Capability[]
  /** The user's own code. Default: none. */
  project?: Project
  /** The place of the project's files. Its tools run in a thread, which loads them there. */
  projectLocation?: ProjectLocation | undefined
  /** False for a server without a TCP port. Default: true. */
  listens?: boolean
  /**
   * The version that other nodes see; nodes of different versions can take over each other's turns.
   */
  version?: string
  /**
   * True when no other node can use DATABASE_URL. Then a restarted node continues its turns at
   * once. Default: true for the embedded database.
   */
  alone?: boolean
  /** Limits at the database. Tests raise them: on a loaded machine everything takes longer. */
  databaseWaits?: DatabaseWaits
  /** Limits of slow requests. Tests lower them. */
  bodyTimes?: BodyTimes
  /** How often expired rows are deleted. */
  sweepIntervalMs?: number
  /** How often alerts are evaluated. */
  alertIntervalMs?: number
  /** Longest time of an event hook for one event. */
  eventHookLimitMs?: number
  /** Called when all parts run. The server listens once it resolves; a port replaces PORT. */
  beforeListening?: () => Promise<number | undefined>
  /** Problems of the user's code, for operators. Given: the server is one of `outlast dev`. */
  problems?: () => readonly string[]
  /** Called at the beginning with the stop of the app, which also ends a start. */
  onBegin?: (stop: App['stop']) => void
  /** Called when the server cannot continue. */
  onFatal?: (error: Error) => void
}

/** Starts all parts of a node in order. Stops the started parts when another one fails. */
export async function startApp(config: Config, options: AppOptions = {}): Promise<App> {
  const log = createLog(config.LOG_LEVEL, config.LOG_FORMAT)
  const undo: (() => Promise<unknown>)[] = []
  let stopped: Promise<void> | undefined
  const stopAll = () => (stopped ??= undoAll(undo))
  options.onBegin?.(stopAll)
  try {
    const { warmUp, ...own } = inThreads(config, options, { log, undo })
    const wait = options.beforeListening
    // A thread that starts later could load files of a newer version.
    const loaded = wait && warmUp?.()
    const beforeListening = async () => {
      await loaded
      return wait?.()
    }
    const app = await start(config, { ...own, beforeListening, log, undo, stopAll })
    void warmUp?.()
    return app
  } catch (error) {
    await stopAll()
    throw error
  }
}

async function undoAll(undo: Starting['undo']) {
  for (const step of undo.splice(0).reverse()) await step()
}

/** Moves the tools of a project to a thread, if it has files. `warmUp` starts the thread. */
function inThreads(
  config: Config,
  options: AppOptions,
  { log, undo }: Pick<Starting, 'log' | 'undo'>,
): AppOptions & { warmUp?: () => Promise<void> } {
  const { project, projectLocation: location } = options
  if (!project || !location || project.capabilities.length === 0) return options
  const threads = createThreads({ location, log, fileBytesMax: fileLimits(config).fileBytesMax })
  undo.push(threads.stop)
  return { ...options, project: threads.wrap(project), warmUp: threads.warmUp }
}

type Starting = AppOptions & {
  log: ReturnType<typeof createLog>
  undo: (() => Promise<unknown>)[]
  stopAll: () => Promise<void>
}

async function start(config: Config, starting: Starting): Promise<App> {
  const { undo, stopAll } = starting
  checkCatalog(catalogueOf(starting))
  const databases = await openDatabases(config, starting)
  const node = await makeNode(config, starting, databases)
  dropOnLoss(node)
  await Promise.all([checkFileAgents(node), storeAdminPassword(node.db, config)])
  let stopping = false
  const about = {
    version: starting.version ?? version,
    stopping: () => stopping,
    codeProblems: starting.problems,
  }
  const { app, streams, inProcess, close } = await createHttp(node, about, starting.bodyTimes)
  undo.push(close)
  const { alone, queuePool: pool, url: databaseUrl } = databases
  // A single node has no other nodes to compare itself with.
  const nodeVersion = starting.version ?? (alone ? version : `${version}+${readBuild()}`)
  const hooks = eventHooksOptions(node, databaseUrl, starting)
  const runtime = await startRuntime(node, { version: nodeVersion, pool, hooks, alone })
  undo.push(async () => {
    stopping = true
    streams.close('shutdown')
    await runtime.stop(config.SHUTDOWN_GRACE_MS)
  })
  undo.push(keepSweeping(node, starting.sweepIntervalMs).stop)
  undo.push(keepEvaluating(node, starting.alertIntervalMs).stop)
  node.bus.hello()
  await app.ready()
  const port = await starting.beforeListening?.()
  // A start that fails before has changed no agents of the nodes that run.
  await storeFileAgents(node)
  inProcess.begin()
  const url = starting.listens === false ? inProcessUrl : await listen(app, node, port)
  const { processKey } = node.access
  return { url, inProcess, processKey, leavePort: () => leavePort(app.server), stop: stopAll }
}

async function listen(
  app: FastifyInstance,
  { config, outbound }: Node,
  port = config.PORT,
): Promise<string> {
  await app.listen({ host: config.HOST, port }).catch((error: NodeJS.ErrnoException) => {
    const isUnknown = error.code === 'ENOTFOUND' || error.code === 'EAI_AGAIN'
    throw isUnknown ? new ConfigError(`HOST ${config.HOST} cannot be resolved.`) : error
  })
  const address = app.server.address() as AddressInfo
  outbound.protect({ host: address.address, port: address.port })
  return listeningUrl(address)
}

function leavePort(server: Server): void {
  // Its callback waits for the last connection, which `stop` closes.
  server.close(() => {})
  server.closeIdleConnections()
}

const catalogueOf = ({ capabilities = builtins, project = emptyProject }: AppOptions) => [
  ...capabilities,
  ...project.capabilities,
]

type Databases = Awaited<ReturnType<typeof openDatabases>>

/** Opens the connections, starts the embedded database if it is used, and migrates. */
async function openDatabases(config: Config, starting: Starting) {
  const { log, undo, onFatal = () => {} } = starting
  let embedded: Embedded | undefined
  if (config.DATABASE_URL === undefined) {
    const begun = startEmbedded({ dataDir: config.DATA_DIR, log, onFatal })
    undo.push(async () => (await begun.catch(() => undefined))?.stop())
    embedded = await begun
  }
  const url = config.DATABASE_URL ?? embedded!.url
  const alone = starting.alone ?? embedded !== undefined
  const onError = (error: Error) => log.debug('a database connection broke', { error })
  const { statement: timeoutMs, connection: waitMs } = starting.databaseWaits ?? databaseWaits
  const limits = { max: appConnections, timeoutMs, waitMs }
  const history = createHistory()
  const db = openDatabase({ url, ...limits, history, onError })
  undo.push(db.close)
  const leaseDb = openDatabase({ url, max: 1, timeoutMs: leaseTimeoutMs, history, onError })
  undo.push(leaseDb.close)
  const queuePool = createPool({ url, max: queueConnections, onError })
  undo.push(() => queuePool.end())
  await migrate(
    url,
    async () => {
      await migrateQueue(queuePool)
      await seed(db, config)
    },
    { log, direct: alone },
  )
  return { url, alone, history, db, leaseDb, queuePool }
}

/** Connections are opened when the hooks use them: without hooks there are none. */
function eventHooksOptions(
  { project, config, log }: Node,
  url: string,
  { undo, eventHookLimitMs: limitMs = eventHookLimitMsMax }: Starting,
): EventHooksOptions {
  const max = connectionsPerHook * eventHooksOf(project, config).size
  const onError = (error: Error) => log.debug('a database connection broke', { error })
  const pool = createPool({ url, max: Math.max(1, max), onError })
  undo.push(() => pool.end())
  return { pool, limitMs }
}

async function makeNode(
  config: Config,
  starting: Starting,
  { url, alone, history, db, leaseDb }: Databases,
): Promise<Node> {
  const { log, undo, project = emptyProject } = starting
  const about = { db, history, version: starting.version ?? version, nodeId: newNodeId() }
  const observed = await startObserving(config, starting, about)
  const bus = await startBus(config, starting, about)
  const masterKeys = await nodeMasterKeys(config, alone && url)
  await checkMasterKeys(db, masterKeys)
  const { shares, others, streams, patient, waiting } = divideConnections(
    db,
    () => node.problem(),
    starting.databaseWaits,
  )
  const secrets = masterKeys.length === 0 ? undefined : createSecrets(masterKeys)
  const outbound = createOutbound(config.PRIVATE_HOSTS_ALLOWED, servicesOf(config, url))
  const reach = (orgId: string) => outbound.reach({ orgId, purpose: 'identity' })
  const access = createAccess({ config, db, shares, masterKeys, secrets, reach, log })
  undo.push(access.stop)
  const grepping = startGrep(url, starting.databaseWaits)
  undo.push(grepping.stop)
  if (secrets) await bindSealed(db, secrets)
  warnOfBroad(config, log)
  const reaching = { outbound, fetchBudgets: createFetchBudgets(), secrets }
  const connections = { db: others, streamDb: streams, toolDb: patient }
  const mcp = createMcp({ ...connections, config, log, version: about.version, ...reaching })
  undo.push(mcp.stop)
  const node: Node = {
    id: about.nodeId,
    ...connections,
    shares,
    waitingForDb: waiting,
    leaseDb,
    history,
    bus,
    config,
    access,
    quotas: createQuotas(config),
    project,
    capabilities: catalogueOf(starting),
    mcp,
    log,
    local: noLocalTurns,
    problem: () => 'The node is starting.',
    reachesDatabase: () => true,
    breaker: createBreaker(),
    grep: grepping.grep,
    ...reaching,
    ...observed,
  }
  return node
}

const newNodeId = () => `node_${randomBytes(8).toString('hex')}`

type About = Pick<Databases, 'db' | 'history'> & { version: string; nodeId: string }

async function startObserving(
  config: Config,
  { log, undo }: Starting,
  { db, version, nodeId }: About,
) {
  const metrics = createMetrics()
  const keeping = keepTally({ tally: metrics.tally, db, nodeId, log })
  undo.push(keeping.stop)
  const tracer = await tracerOf({ config, version, nodeId, log, metrics })
  if (tracer) undo.push(tracer.stop)
  return { metrics, tracer }
}

async function startBus(config: Config, { log, undo }: Starting, about: About) {
  const bus = createBus({ log, ...about, connect: await transportOf(config) })
  undo.push(bus.stop)
  const comparing = keepComparing({ bus, db: about.db, log })
  undo.push(async () => comparing.stop())
  return bus
}

/** Drops cached data when the history of the database may have lost commits. */
function dropOnLoss({ history, db, access, quotas, mcp, bus, log }: Node): void {
  history.onChange(() => {
    log.warn('PostgreSQL was restarted, restored or failed over: caches are dropped and read again')
    db.texts.forget()
    access.credentials.forget()
    quotas.forget()
    mcp.forget()
    bus.verify()
  })
}

/** Warns about entries that open more than one service of a host. */
function warnOfBroad({ PRIVATE_HOSTS_ALLOWED: allowed }: Config, log: Log) {
  const entries = allowed.filter(isBroad).map(({ text }) => text)
  if (entries.length === 0) return
  log.warn(
    'PRIVATE_HOSTS_ALLOWED has entries without a purpose or a port: they open every service of a host. Write purpose=host:port',
    { entries },
  )
}

/**
 * Returns the transport of hints between nodes. The embedded database has one node and needs none.
 */
async function transportOf({ DATABASE_URL: database, REDIS_URL: redis }: Config) {
  if (redis !== undefined) {
    // Takes 10 MB of memory, which a node without Redis saves.
    const { connectRedis } = await import('./store/bus/redis.ts')
    return (events: TransportEvents) => connectRedis(redis, events)
  }
  if (database !== undefined) return (events: TransportEvents) => connectNotify(database, events)
  return undefined
}

type Tracing = Omit<ExporterOptions, 'config'> & { config: Config }

/** Starts the exporter of traces. Its code is loaded only when tracing is configured. */
async function tracerOf({ config, ...options }: Tracing) {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint } = config
  if (endpoint === undefined) return undefined
  const { startExporter } = await import('./observe/exporter.ts')
  return startExporter({ ...options, config: { ...config, OTEL_EXPORTER_OTLP_ENDPOINT: endpoint } })
}

function listeningUrl({ address, port }: AddressInfo): string {
  const host = address.includes(':') ? `[${address}]` : address
  return `http://${host}:${port}`
}
