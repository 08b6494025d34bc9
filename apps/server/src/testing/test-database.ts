import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type KeeperPlace, keeperPlace, placeVariable } from './keeper-place.ts'
import { closeOf, eachLine, lineOf } from './lines.ts'
import type { KeeperReply, KeeperRequest, KeeperState } from './messages.ts'
import { nodeProgram } from './node-program.ts'

const program = fileURLToPath(new URL('./keeper.ts', import.meta.url))
const startMsMax = 120_000
const pauseMs = 50

/** The database of one test server. */
export type TestDatabase = {
  /** Settings that open it. */
  settings: Record<string, string>
  /** Its keeper has ended, and with it the embedded PostgreSQL. */
  isLost: () => boolean
  drop: () => Promise<void>
}

/** Connections of this process to keepers, by the URL of their PostgreSQL. */
const keepers = new Map<string | undefined, Promise<Keeper>>()

/**
 * Creates a migrated database, on the embedded PostgreSQL of this run or on the one of
 * `databaseUrl`. The keeper drops it when this process ends.
 */
export async function openTestDatabase(databaseUrl?: string): Promise<TestDatabase> {
  const deadline = Date.now() + startMsMax
  for (;;) {
    const keeper = await keeperOf(databaseUrl, deadline)
    try {
      const { url = '' } = await keeper.request({ create: true })
      const key = `kek-v1:${randomBytes(32).toString('base64')}`
      const drop = () => keeper.request({ drop: url }).catch(() => {})
      return {
        settings: { DATABASE_URL: url, SECRETS_ENCRYPTION_KEY: key },
        isLost: keeper.isLost,
        drop: async () => void (await drop()),
      }
    } catch (error) {
      // A keeper that ended at this moment is replaced.
      if (!(error instanceof LostKeeperError) || Date.now() > deadline) throw error
    }
  }
}

class LostKeeperError extends Error {
  override name = 'LostKeeperError'
}

const lostKeeper = () => new LostKeeperError('The keeper of the test databases ended.')

function keeperOf(databaseUrl: string | undefined, deadline: number): Promise<Keeper> {
  const known = keepers.get(databaseUrl)
  if (known) return known
  const finding = findKeeper(keeperPlace(databaseUrl), deadline)
  keepers.set(databaseUrl, finding)
  const forget = () => {
    if (keepers.get(databaseUrl) === finding) keepers.delete(databaseUrl)
  }
  finding.then(({ closed }) => closed.then(forget), forget)
  return finding
}

/** Connects to the keeper of a place, and starts one where there is none. */
async function findKeeper(place: KeeperPlace, deadline: number): Promise<Keeper> {
  for (;;) {
    const socket = await openSocket(place.socket)
    if (socket) return keeperOn(socket)
    const started = await startKeeper(place)
    if (started.state === 'failed') throw new Error(started.error)
    if (Date.now() > deadline) {
      throw new Error(`No keeper of test databases started in ${place.folder} within 2 minutes.`)
    }
    if (started.state === 'busy') await sleep(pauseMs)
  }
}

async function openSocket(path: string): Promise<Socket | undefined> {
  const socket = connect(path)
  try {
    await once(socket, 'connect')
    return socket
  } catch {
    return undefined
  }
}

/** Starts a keeper, which outlives this process. */
async function startKeeper(place: KeeperPlace): Promise<KeeperState> {
  const child = spawn(nodeProgram(), ['--disable-warning=ExperimentalWarning', program], {
    cwd: place.folder,
    env: { ...keeperEnvironment(), [placeVariable]: JSON.stringify(place) },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    windowsHide: true,
  })
  const state = await firstState(child)
  child.stdout!.destroy()
  child.stderr!.destroy()
  child.unref()
  return state
}

/** Options of the test's Node, such as a loader or a debugger, are not for the keeper. */
function keeperEnvironment() {
  const { NODE_OPTIONS, NODE_TEST_CONTEXT, NODE_V8_COVERAGE, ...kept } = process.env
  return kept
}

function firstState(child: ChildProcess): Promise<KeeperState> {
  return new Promise((resolve, reject) => {
    let errors = ''
    child.stderr!.on('data', (chunk) => (errors += chunk))
    eachLine(child.stdout!, (line) => resolve(JSON.parse(line) as KeeperState))
    child.once('error', reject)
    child.once('close', (code) =>
      resolve({ state: 'failed', error: `The keeper ended with code ${code}: ${errors}` }),
    )
  })
}

type Waiting = { resolve: (reply: KeeperReply) => void; reject: (error: Error) => void }
type Asked = KeeperRequest extends infer One
  ? One extends unknown
    ? Omit<One, 'id'>
    : never
  : never
type Keeper = {
  request: (asked: Asked) => Promise<KeeperReply>
  closed: Promise<unknown>
  isLost: () => boolean
}

/** Sends requests on a connection, which keeps this process alive only while it waits. */
function keeperOn(socket: Socket): Keeper {
  const waiting = new Map<number, Waiting>()
  let last = 0
  socket.unref()
  eachLine(socket, (line) => {
    const reply = JSON.parse(line) as KeeperReply
    const { resolve, reject } = waiting.get(reply.id)!
    waiting.delete(reply.id)
    if (waiting.size === 0) socket.unref()
    if (reply.error === undefined) resolve(reply)
    else reject(new Error(reply.error))
  })
  socket.on('error', () => {})
  const closed = closeOf(socket).then(() => {
    for (const { reject } of waiting.values()) reject(lostKeeper())
  })
  return {
    closed,
    isLost: () => socket.destroyed,
    request(asked) {
      if (socket.destroyed) return Promise.reject(lostKeeper())
      const id = ++last
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject })
        socket.ref()
        socket.write(lineOf({ id, ...asked }))
      })
    },
  }
}
