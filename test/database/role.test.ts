import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import {
  alterDatabase,
  createTestDatabase,
  openTestPool,
  queryRows,
  runSql,
} from '../../apps/server/test/database.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { converse, createSession, replyOf, scripted } from '../../apps/server/test/session.ts'

test('starts and runs a turn as a role that owns its database and has no other right', async (t) => {
  const admin = process.env.OUTLAST_TEST_DATABASE_URL!
  const name = `test_role_${randomBytes(8).toString('hex')}`
  const password = randomBytes(16).toString('hex')
  // As in docs/operations.md.
  await runSql(
    admin,
    `create role ${name} login password '${password}' nosuperuser nocreatedb nocreaterole noreplication nobypassrls`,
  )
  await runSql(admin, `create database ${name} owner ${name} template template0`)
  await runSql(admin, `revoke connect, temporary on database ${name} from public`)
  const url = new URL(admin)
  Object.assign(url, { username: name, password, pathname: name })

  const server = await startServer(t, { databaseUrl: url.href })
  t.after(async () => {
    await runSql(admin, `drop database ${name} with (force)`)
    await runSql(admin, `drop role ${name}`)
  })
  const { id } = await createSession(server)
  assert.equal(replyOf(await converse(t, server, id, scripted({ text: 'Hello.' }))), 'Hello.')
  const [role] = await queryRows(
    url.href,
    `select current_user as name, rolsuper, rolcreaterole, rolcreatedb, pg_has_role('pg_read_all_data', 'member') as reads_all
    from pg_roles where rolname = current_user`,
  )
  assert.deepEqual(role, {
    name,
    rolsuper: false,
    rolcreaterole: false,
    rolcreatedb: false,
    reads_all: false,
  })
})

test('neither compiles statements nor limits transactions where the database does', async (t) => {
  const url = await createTestDatabase(t)
  const settings = ['jit', 'transaction_timeout']
  for (const change of ["jit = 'on'", "transaction_timeout = '1min'"]) {
    await alterDatabase(url, `set ${change}`)
  }
  const db = openTestPool(url)
  t.after(db.close)
  const text = 'select name, setting from pg_settings where name = any($1) order by name'
  assert.deepEqual(await db.run({ name: 'settings', text }, [settings]), [
    { name: 'jit', setting: 'off' },
    { name: 'transaction_timeout', setting: '0' },
  ])
})
