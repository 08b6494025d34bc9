import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { test } from 'node:test'
import pg from 'pg'
import { runSql } from '../../apps/server/test/database.ts'
import { converse, createSession, replyOf } from '../../apps/server/test/session.ts'
import { eventually } from '../../apps/server/test/waiting.ts'
import { startProcess } from '../process.ts'

const nodes = 10
const migrations = new URL('../../apps/server/migrations/', import.meta.url)

/** On a loaded machine, a renewal of a lease and a new connection can take longer than they may. */
const ofLoad =
  /"could not renew the lease"|"the connection to other nodes was lost".*"(timeout expired|Query read timeout)"/
const isComplaint = (line: string) => /"level":"(warn|error)"/.test(line) && !ofLoad.test(line)

test('ten nodes start together on an empty database', async (t) => {
  const admin = process.env.OUTLAST_TEST_DATABASE_URL!
  const name = `test_${randomBytes(8).toString('hex')}`
  const url = new URL(admin)
  url.pathname = name
  await runSql(admin, `create database ${name}`)
  t.after(() => runSql(admin, `drop database if exists ${name} with (force)`))

  const env = {
    DATABASE_URL: url.href,
    SECRETS_ENCRYPTION_KEY: `kek-v1:${Buffer.alloc(32, 7).toString('base64')}`,
  }
  const starts = await Promise.allSettled(Array.from({ length: nodes }, () => startProcess(env)))
  const servers = starts.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []))
  let stopped = false
  t.after(() => {
    if (!stopped) for (const { child } of servers) child.kill('SIGKILL')
  })
  const failures = starts.flatMap((start) => (start.status === 'rejected' ? [start.reason] : []))
  assert.deepEqual(failures, [])

  const client = new pg.Client(url.href)
  await client.connect()
  const { rows } = await client.query(`
    select (select array_agg(name order by name) from outlast_migrations) as migrations,
      (select count(*)::int from organizations) as organizations,
      (select count(*)::int from agents) as agents,
      (select count(*)::int from models where is_default) as defaults`)
  const [state] = rows
  // Under load, leases expire before they are renewed.
  await eventually(async () => {
    const alive = await client.query('select from nodes where expires_at > now()')
    return alive.rowCount === nodes
  })
  await client.end()
  assert.deepEqual(state.migrations, (await readdir(migrations)).sort())
  assert.deepEqual(
    { organizations: state.organizations, agents: state.agents, defaults: state.defaults },
    { organizations: 1, agents: 6, defaults: 1 },
  )
  const lists = await Promise.all(servers.map(({ call }) => call('GET', '/v1/agents')))
  for (const { body } of lists) assert.deepEqual(body, lists[0]!.body)

  const session = await createSession(servers[0]!)
  const events = await converse(t, servers[nodes - 1]!, session.id, 'What is 2 + 3?')
  assert.notEqual(replyOf(events), '')

  const codes = await Promise.all(servers.map(({ stop }) => stop()))
  stopped = true
  assert.deepEqual(
    codes,
    servers.map(() => 0),
  )
  for (const { output } of servers) assert.deepEqual(output().split('\n').filter(isComplaint), [])
})
