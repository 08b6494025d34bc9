/** Two PostgreSQL servers, primary and physical standby, and one address that moves. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdtempSync, openSync } from 'node:fs'
import { appendFile, chown, cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { findBinaries } from '../../apps/server/src/store/embedded/binaries.ts'
import { reservePort } from '../ports.ts'
import { type PostgresProxy, startPostgresProxy } from '../postgres-proxy.ts'

/** PostgreSQL refuses to run as root. */
const nobody = { uid: 65534, gid: 65534 }
const account = process.getuid?.() === 0 ? nobody : undefined

/** `system`: that of `npm run test:postgres` (15 or newer); `embedded`: Outlast's own (18). */
export type Version = 'system' | 'embedded'

export const versions: readonly Version[] = ['system', 'embedded']

/** `sync`: a commit waits for the standby. `async`: unreplicated commits are lost. */
export type Replication = 'sync' | 'async'

export type PostgresServer = {
  /** The data directory. */
  cluster: string
  /** The server's own address; clients that should follow a failover use the pair's `address`. */
  url: string
  /** Runs one statement on a connection of its own. */
  query: <Row extends pg.QueryResultRow>(text: string, values?: unknown[]) => Promise<Row[]>
  start: () => Promise<void>
  /** Shuts down in order: a connected standby has received all WAL. */
  stop: () => Promise<void>
  /** Ends at once, without a checkpoint, like a power failure. SIGKILL: the first process only. */
  kill: (signal?: 'SIGQUIT' | 'SIGKILL') => Promise<void>
  /** Ends recovery: the server takes writes, on a new timeline. */
  promote: () => Promise<void>
  /** A stopped server becomes a standby of another one, whose history includes all of its own. */
  standBy: (primary: PostgresServer) => Promise<void>
  /** Makes a stopped server a standby of a running one: a base backup replaces its data. */
  copyFrom: (primary: PostgresServer) => Promise<void>
  /** A standby receives nothing more; it replays the WAL that it has. */
  stopReceiving: () => Promise<void>
}

export type Pair = {
  primary: PostgresServer
  standby: PostgresServer
  /** Leads to the primary; `address.moveTo(standby.url)` leads new connections to the standby. */
  address: PostgresProxy
  /** Resolves when the standby has replayed all that the primary has written. */
  caughtUp: () => Promise<void>
}

/** Starts a primary and its standby on loopback with trust authentication, for the test. */
export async function startPair(
  t: { after: (work: () => unknown) => void },
  { version, replication }: { version: Version; replication: Replication },
): Promise<Pair> {
  const folder = mkdtempSync(path.join(tmpdir(), 'outlast-standby-'))
  if (account) chownSync(folder, account.uid, account.gid)
  const programs = await findPrograms(version, folder)
  const cluster = path.join(folder, 'first')
  run(programs.initdb, ['-D', cluster, '-U', 'postgres', '--auth=trust', '--no-sync', '-E', 'UTF8'])
  const copy = path.join(folder, 'second')
  await cp(cluster, copy, { recursive: true })
  if (account) await giveTree(copy, account)
  const primary = await createServerAt(cluster, programs)
  const standby = await createServerAt(copy, programs)
  await primary.start()
  await standby.standBy(primary)
  await standby.start()
  await untilStreaming(primary)
  if (replication === 'sync') await makeSynchronous(primary)
  const address = await startPostgresProxy(primary.url)
  t.after(async () => {
    await address.close()
    await Promise.all([primary.kill(), standby.kill()])
    await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  })
  return { primary, standby, address, caughtUp: () => untilCaughtUp(primary, standby) }
}

/** From here on, commits of a primary wait for its standby. */
export async function makeSynchronous(primary: PostgresServer) {
  await primary.query(`alter system set synchronous_standby_names = '*'`)
  await primary.query('select pg_reload_conf()')
  await untilSynchronous(primary)
}

/** Resolves when a standby is connected for which commits wait. */
export const untilSynchronous = (primary: PostgresServer) =>
  until(primary, `select from pg_stat_replication where sync_state = 'sync'`)

type Programs = { initdb: string; postgres: string }

async function findPrograms(version: Version, folder: string): Promise<Programs> {
  if (version === 'embedded') return findBinaries(folder, account)
  const system = process.env.OUTLAST_TEST_POSTGRES_PROGRAMS
  if (!system) throw new Error('Run this file with `npm run test:postgres`.')
  return { initdb: path.join(system, 'initdb'), postgres: path.join(system, 'postgres') }
}

function run(program: string, args: string[]) {
  const { status, stderr, error } = spawnSync(program, args, {
    ...account,
    cwd: tmpdir(),
    encoding: 'utf8',
  })
  assert.equal(status, 0, `${program}: ${error?.message ?? stderr}`)
}

async function giveTree(directory: string, { uid, gid }: { uid: number; gid: number }) {
  for (const file of ['.', ...(await readdir(directory, { recursive: true }))]) {
    await chown(path.join(directory, file), uid, gid)
  }
}

async function createServerAt(cluster: string, { postgres }: Programs): Promise<PostgresServer> {
  const port = Number(await reservePort())
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`
  let child: ChildProcess | undefined
  const end = async (signal: NodeJS.Signals) => {
    const ending = child
    child = undefined
    if (!ending || ending.exitCode !== null || ending.signalCode !== null) return
    ending.kill(signal)
    await once(ending, 'exit')
  }
  const query: PostgresServer['query'] = async (text, values) => {
    const client = new pg.Client({ connectionString: url })
    client.on('error', () => {})
    await client.connect()
    try {
      return (await client.query(text, values)).rows
    } finally {
      await client.end()
    }
  }
  const server: PostgresServer = {
    cluster,
    url,
    query,
    async start() {
      child = launch(postgres, cluster, port)
      await untilAnswers(server, child)
    },
    stop: () => end('SIGINT'),
    kill: (signal = 'SIGQUIT') => end(signal),
    promote: async () => void (await query('select pg_promote()')),
    async standBy(primary) {
      const { port: from } = new URL(primary.url)
      const conninfo = `host=127.0.0.1 port=${from} user=postgres application_name=standby`
      await appendFile(
        path.join(cluster, 'postgresql.auto.conf'),
        `primary_conninfo = '${conninfo}'\nsynchronous_standby_names = ''\n`,
      )
      await appendFile(path.join(cluster, 'standby.signal'), '')
    },
    async copyFrom(primary) {
      await copyCluster(primary, cluster)
      if (account) await giveTree(cluster, account)
      await server.standBy(primary)
    },
    async stopReceiving() {
      await query(`alter system set primary_conninfo = ''`)
      await query('select pg_reload_conf()')
      await until(server, 'select where not exists (select from pg_stat_wal_receiver)')
    },
  }
  return server
}

/** Data files that belong to the running server, and WAL, which the standby receives itself. */
const leftOut = /^(postmaster\.(pid|opts)|pg_wal\/.+)$/
const copiesMax = 5

/** Makes a base backup of a running server: copies its files in PostgreSQL's backup mode. */
async function copyCluster(primary: PostgresServer, cluster: string) {
  const client = new pg.Client({ connectionString: primary.url })
  await client.connect()
  try {
    await client.query(`select pg_backup_start('copy', true)`)
    await copyLive(primary.cluster, cluster)
    const { rows } = await client.query('select labelfile from pg_backup_stop(false)')
    await writeFile(path.join(cluster, 'backup_label'), rows[0].labelfile)
  } finally {
    await client.end()
  }
}

/** Files may be removed while they are copied: then the copy starts again. */
async function copyLive(from: string, to: string) {
  const filter = (file: string) => !leftOut.test(path.relative(from, file))
  for (let copies = 1; ; copies += 1) {
    await rm(to, { recursive: true, force: true })
    try {
      await cp(from, to, { recursive: true, filter })
      return await mkdir(path.join(to, 'pg_wal'), { recursive: true })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || copies === copiesMax) throw error
    }
  }
}

const settings = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  fsync: 'off',
  // A primary that stops does not wait long for a standby that is gone.
  wal_sender_timeout: '5s',
  wal_retrieve_retry_interval: '100ms',
  // A base backup has no WAL: the standby receives it from the primary.
  wal_keep_size: '256MB',
}

function launch(postgres: string, cluster: string, port: number): ChildProcess {
  const log = openSync(path.join(path.dirname(cluster), `${path.basename(cluster)}.log`), 'a')
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const child = spawn(postgres, ['-D', cluster, '-p', String(port), ...args], {
    ...account,
    cwd: cluster,
    stdio: ['ignore', log, log],
  })
  const endWithUs = () => child.kill('SIGQUIT')
  process.once('exit', endWithUs)
  child.once('exit', () => process.off('exit', endWithUs))
  return child
}

const pollMs = 20

async function untilAnswers(server: PostgresServer, child: ChildProcess) {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`postgres ended with ${child.exitCode}`)
    const answered = await server.query('select 1').catch(() => undefined)
    if (answered) return
    await sleep(pollMs)
  }
}

/** Polls until a query has a row: PostgreSQL sends no event for these states. */
async function until(server: PostgresServer, query: string, values?: unknown[]) {
  while ((await server.query(query, values)).length === 0) await sleep(pollMs)
}

const untilStreaming = (primary: PostgresServer) =>
  until(primary, `select from pg_stat_replication where state = 'streaming'`)

async function untilCaughtUp(primary: PostgresServer, standby: PostgresServer) {
  const [at] = await primary.query<{ lsn: string }>('select pg_current_wal_lsn()::text as lsn')
  await until(standby, 'select where pg_last_wal_replay_lsn() >= $1::pg_lsn', [at!.lsn])
}
