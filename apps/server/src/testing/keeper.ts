/**
 * The process that keeps the databases of test servers, for all test files of a run: it starts the
 * embedded PostgreSQL, migrates a template, and copies it for each server. It ends, with its data,
 * when no test process has been connected for a while.
 * Contract: it writes one line, its state, and nothing after that.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import path from 'node:path'
import { readConfig } from '../config.ts'
import { createLog } from '../log.ts'
import { migrateQueue } from '../runtime/queue.ts'
import { openDatabase } from '../store/database.ts'
import {
  createDatabase,
  dropDatabase,
  dropDatabases,
  shortenSignIn,
  urlOfDatabase,
} from '../store/databases.ts'
import { lockDataDir } from '../store/embedded/data-dir.ts'
import { type Embedded, EmbeddedError, startEmbedded } from '../store/embedded/embedded.ts'
import { seed } from '../store/models/seeds.ts'
import { migrate } from '../store/start/migrate.ts'
import { type KeeperPlace, placeVariable } from './keeper-place.ts'
import { closeOf, eachLine, lineOf } from './lines.ts'
import type { KeeperReply, KeeperRequest, KeeperState } from './messages.ts'

/** Time without a connection after which the keeper ends, in ms. */
const idleMs = 10_000
/** Test data needs no durability. */
const fast = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }

const place = JSON.parse(process.env[placeVariable]!) as KeeperPlace
const dataDir = path.join(place.folder, 'data')
/** Distinguishes the databases of this keeper on a PostgreSQL server that others use too. */
const prefix = `outlast_test_${place.databaseUrl ? `${randomBytes(4).toString('hex')}_` : ''}`

function report(state: KeeperState) {
  process.stdout.write(lineOf(state))
}

/** One keeper at a time has the folder. */
function lockOrExit() {
  try {
    return lockDataDir(place.folder)
  } catch (error) {
    if (!(error instanceof EmbeddedError)) throw error
    report({ state: 'busy' })
    process.exit()
  }
}

/** Starts PostgreSQL. Data that a crash made unusable is replaced. */
async function startPostgres(): Promise<Embedded> {
  const log = createLog('silent')
  const settings = { ...fast, max_connections: '500' }
  const start = () =>
    startEmbedded({ dataDir, log, settings, onFatal: () => process.exit(1) }).then(
      async (embedded) => {
        await shortenSignIn(embedded.url)
        return { ...embedded, url: urlOfDatabase(embedded.url, 'postgres') }
      },
    )
  return start().catch(() => {
    rmSync(dataDir, { recursive: true, force: true })
    return start()
  })
}

/** Creates the migrated database that the others are copies of. */
async function createTemplate(adminUrl: string, name: string) {
  await dropDatabases(adminUrl, prefix)
  await createDatabase(adminUrl, name)
  const url = urlOfDatabase(adminUrl, name)
  const db = openDatabase({ url, max: 2, onError() {} })
  try {
    await migrate(url, async () => {
      await migrateQueue(db.pool)
      await seed(db, readConfig({}))
    })
  } finally {
    await db.close()
  }
}

/** Starts the databases. `create` returns a copy of the template that was made in advance. */
async function startDatabases() {
  const embedded = place.databaseUrl === undefined ? await startPostgres() : undefined
  const adminUrl = place.databaseUrl ?? embedded!.url
  const template = `${prefix}template`
  await createTemplate(adminUrl, template)
  const copy = async () => {
    const name = `${prefix}${randomBytes(8).toString('hex')}`
    await createDatabase(adminUrl, name, template)
    return name
  }
  const copyAhead = () => {
    const copying = copy()
    copying.catch(() => {})
    return copying
  }
  let next = copyAhead()
  return {
    async create() {
      const copied = next
      next = copyAhead()
      // An old copy may have failed in a stall.
      const name = await copied.catch(copy)
      return { name, url: urlOfDatabase(adminUrl, name) }
    },
    drop: (name: string) => dropDatabase(adminUrl, name),
    async stop() {
      await next.catch(() => {})
      if (!embedded) return dropDatabases(adminUrl, prefix)
      await embedded.stop()
      rmSync(dataDir, { recursive: true, force: true, maxRetries: 10 })
    },
  }
}

type Databases = Awaited<ReturnType<typeof startDatabases>>

/** Answers the requests of one test process, and drops its databases when it has ended. */
function serve(socket: Socket, databases: Promise<Databases>): Promise<unknown> {
  const own = new Map<string, string>()
  const answer = async (request: KeeperRequest): Promise<Omit<KeeperReply, 'id'>> => {
    const { create, drop } = await databases
    if ('create' in request) {
      const { name, url } = await create()
      own.set(url, name)
      return { url }
    }
    const name = own.get(request.drop)
    own.delete(request.drop)
    if (name) await drop(name)
    return {}
  }
  const open = new Set<Promise<void>>()
  eachLine(socket, (line) => {
    const request = JSON.parse(line) as KeeperRequest
    const answering = answer(request)
      .catch((error) => ({ error: sentenceOf(error) }))
      .then((reply) => void socket.write(lineOf({ id: request.id, ...reply })))
    open.add(answering)
    void answering.finally(() => open.delete(answering))
  })
  socket.on('error', () => {})
  return closeOf(socket).then(async () => {
    await Promise.all(open)
    const { drop } = await databases
    await Promise.allSettled([...own.values()].map(drop))
  })
}

/** An error of several connection attempts has no message. */
const sentenceOf = ({ message, code }: NodeJS.ErrnoException) => message || String(code)

async function main() {
  const unlock = lockOrExit()
  if (process.platform !== 'win32') rmSync(place.socket, { force: true })
  const databases = startDatabases()
  let connected = 0
  let idle: NodeJS.Timeout | undefined
  const rest = () => {
    idle = setTimeout(end, idleMs)
  }
  const server = createServer(async (socket) => {
    connected += 1
    clearTimeout(idle)
    await serve(socket, databases).catch(() => {})
    connected -= 1
    if (connected === 0) rest()
  })
  const end = async () => {
    server.close()
    await (await databases).stop().catch(() => {})
    unlock()
    process.exit()
  }
  process.on('SIGTERM', end)
  server.listen(place.socket)
  await once(server, 'listening')
  // Before the first caller has its database, an error is the reply to its request.
  report({ state: 'ready' })
  process.stdout.on('error', () => {})
  rest()
  await databases.catch(() => setTimeout(() => process.exit(1), 1_000))
}

await main().catch((error: Error) => {
  report({ state: 'failed', error: sentenceOf(error) })
  process.exit(1)
})
