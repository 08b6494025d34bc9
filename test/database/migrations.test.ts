import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { type AddressInfo, connect, createServer } from 'node:net'
import { type TestContext, test } from 'node:test'
import {
  connectTo,
  createTestDatabase,
  lockWaits,
  queryRows,
  runSql,
} from '../../apps/server/test/database.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { eventually } from '../../apps/server/test/waiting.ts'
import { beginProcess, startFails, startProcess } from '../process.ts'

const migrations = new URL('../../apps/server/migrations/', import.meta.url)
/** The last migration of release 0.1, which recorded names without checksums. */
const lastOfFirstRelease = '0013'

/** A database of release 0.1, and a session that reads all of its tables until it is ended. */
async function createOldDatabase(t: TestContext) {
  const admin = process.env.OUTLAST_TEST_DATABASE_URL!
  const name = `test_${randomBytes(8).toString('hex')}`
  const url = new URL(admin)
  url.pathname = name
  await runSql(admin, `create database ${name}`)
  t.after(() => runSql(admin, `drop database if exists ${name} with (force)`))
  await runSql(url.href, 'create table outlast_migrations (name text primary key)')
  await runSql(
    url.href,
    'alter table outlast_migrations add applied_at timestamptz not null default now()',
  )
  const names = (await readdir(migrations)).sort()
  for (const file of names.filter((file) => file.slice(0, 4) <= lastOfFirstRelease)) {
    await runSql(url.href, await readFile(new URL(file, migrations), 'utf8'))
    await queryRows(url.href, 'insert into outlast_migrations (name) values ($1)', [file])
  }
  const backup = await connectTo(t, url.href)
  return { url: url.href, backup }
}

test('a migration waits for a backup to end without blocking other access to the tables', async (t) => {
  const { url, backup } = await createOldDatabase(t)
  await backup.query(
    'begin; lock table sessions, api_keys, outlast_migrations in access share mode',
  )
  const starting = startProcess({ DATABASE_URL: url })
  await migrationWaits(url, true)
  await migrationWaits(url, false)
  await migrationWaits(url, true)
  for (let n = 0; n < 10; n += 1) {
    await queryRows(url, `set lock_timeout = '20s'; select count(*) from sessions`)
  }
  await backup.query('rollback')
  const server = await starting
  assert.match(server.output(), /a migration waits for a table that another session uses/)
  await eventually(async () => (await server.call('GET', '/health/ready')).status === 200)
  assert.equal(await server.stop(), 0)
  const [{ missing }] = (await queryRows(
    url,
    'select count(*)::int as missing from outlast_migrations where checksum is null',
  )) as [{ missing: number }]
  assert.equal(missing, 0)
})

test('a start repeats work whose connection takes too long to open', async (t) => {
  const target = new URL(await createTestDatabase(t))
  let connections = 0
  // The first is for migrations; the second gets no response.
  const proxy = createServer((client) => {
    client.on('error', () => {})
    connections += 1
    if (connections === 2) return
    const server = connect(Number(target.port), target.hostname)
    server.on('error', () => client.destroy())
    client.pipe(server).pipe(client)
  }).listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  t.after(() => proxy.close())
  const databaseUrl = new URL(target)
  databaseUrl.port = String((proxy.address() as AddressInfo).port)
  const server = await startServer(t, { databaseUrl: databaseUrl.href, alone: true })
  assert.equal((await server.call('GET', '/v1/agents')).status, 200)
  assert.ok(connections > 2)
})

test('an index that waits for an open transaction logs it', async (t) => {
  const { url, backup } = await createOldDatabase(t)
  await backup.query('begin; lock table schedule_executions in row exclusive mode')
  const starting = beginProcess({ DATABASE_URL: url })
  const message = 'an index is being built; this waits for every open transaction'
  await eventually(async () => starting.output().includes(message))
  await backup.query('rollback')
  assert.equal(await (await starting.ready).stop(), 0)
})

/** Resolves once a statement waits for a lock, or none does. */
const migrationWaits = (url: string, expected: boolean) =>
  eventually(async () => (await lockWaits(url)) > 0 === expected)

test('a start that waits for the migration of another node logs it', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const other = await connectTo(t, databaseUrl)
  await other.query('select pg_advisory_lock(79117651)')
  const starting = beginProcess({ DATABASE_URL: databaseUrl, LOG_LEVEL: 'info' })
  await eventually(async () => starting.output().includes('another node migrates the database'))
  await other.end()
  assert.equal(await (await starting.ready).stop(), 0)
})

test('a start that waits too long for the database ends with one sentence', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const other = await connectTo(t, databaseUrl)
  await other.query('begin; lock table master_keys')
  const { code, output } = await startFails({ DATABASE_URL: databaseUrl })
  await other.end()
  assert.equal(code, 1)
  assert.match(output, /^outlast: The database does not answer in time\. \(.*timeout.*\)\n$/)
})

test('refuses a database with another encoding than UTF8, and creates nothing in it', async (t) => {
  const admin = process.env.OUTLAST_TEST_DATABASE_URL!
  const name = `test_${randomBytes(8).toString('hex')}`
  await runSql(admin, `create database ${name} template template0 encoding 'SQL_ASCII' locale 'C'`)
  t.after(() => runSql(admin, `drop database ${name} with (force)`))
  const url = new URL(admin)
  url.pathname = name
  const { code, output } = await startFails({ DATABASE_URL: url.href })
  assert.equal(code, 1)
  assert.match(output, /^outlast: The database has the encoding SQL_ASCII\. Create one with/)
  assert.equal(output.trim().split('\n').length, 1)
  const tables = `select from pg_tables where schemaname = 'public'`
  assert.deepEqual(await queryRows(url.href, tables), [])
})

test('refuses a database whose migrations differ from its own', async (t) => {
  const url = await createTestDatabase(t)
  await runSql(url, `update outlast_migrations set checksum = 'x' where name like '0003%'`)
  const { code, output } = await startFails({ DATABASE_URL: url })
  assert.equal(code, 1)
  assert.match(output, /another build of Outlast, whose migration 0003_access\.sql differs/)
  assert.equal(output.trim().split('\n').length, 1)
})
