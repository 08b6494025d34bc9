/** What watchers hear of other nodes. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { runSql } from '../../apps/server/test/database.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { createAgent, createSession } from '../../apps/server/test/session.ts'
import { watch } from '../../apps/server/test/stream.ts'
import { changesTests } from './watching.ts'

const cut = (databaseUrl: string) =>
  runSql(
    databaseUrl,
    `select pg_terminate_backend(pid) from pg_stat_activity
    where application_name = 'outlast bus' and datname = current_database()`,
  )

changesTests({ env: {}, cut })

/** Says something on the bus as a node of any version may. */
const say = (databaseUrl: string, ...hints: object[]) =>
  runSql(
    databaseUrl,
    `select pg_notify('outlast_bus', E'node_0\\n${hints.map((hint) => JSON.stringify(hint)).join('\\n')}')`,
  )

test('nodes that do not say whose a session is, and such that say more than is known, are understood', async (t: TestContext) => {
  const server = await startServer(t)
  const { databaseUrl } = server
  const session = await createSession(server)
  const stream = await watch(t, server.url)
  const { id } = await createAgent(server)
  await stream.changed('agent', id)
  const news = { kind: 'news', org: session.organization_id, what: {} }
  await say(databaseUrl, news, { kind: 'stored', session: session.id, sequence: 1 })
  assert.deepEqual(await stream.session(session.id), session)
  const before = stream.told.length
  await say(databaseUrl, { kind: 'deleted', session: session.id })
  await stream.until(() => stream.told.slice(before).find(({ event }) => event === 'reset'))
  assert.ok(stream.told.every(({ event }) => event !== 'session.deleted'))
})

test('a flood of hints beyond what is kept ends in the word to read everything anew', async (t) => {
  const server = await startServer(t)
  const stream = await watch(t, server.url)
  const { id } = await createAgent(server)
  await stream.changed('agent', id)
  const org = (await server.call('GET', '/v1/orgs')).body.data[0].id
  const before = stream.told.length
  await runSql(
    server.databaseUrl,
    `select pg_notify('outlast_bus', 'node_0' || string_agg(E'\\n' ||
      '{"kind":"stored","session":"session_' || lpad(n::text, 32, '0') || '","sequence":1,"org":"${org}"}', ''))
    from generate_series(1, 12000) n group by n / 40`,
  )
  await stream.until(() => stream.told.slice(before).find(({ event }) => event === 'reset'))
  const last = await createAgent(server)
  await stream.changed('agent', last.id)
})
