/** Watchers of changes on other nodes. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import pg from 'pg'
import { runSql } from '../../apps/server/test/database.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { converse, createAgent, createSession, eventsOf } from '../../apps/server/test/session.ts'
import { watch } from '../../apps/server/test/stream.ts'
import { eventually } from '../../apps/server/test/waiting.ts'
import { changesTests, pairWatched } from './watching.ts'

const cut = (databaseUrl: string) =>
  runSql(
    databaseUrl,
    `select pg_terminate_backend(pid) from pg_stat_activity
    where application_name = 'outlast bus' and datname = current_database()`,
  )

changesTests({ env: {}, cut })

/** Publishes on the bus as a node of any version. */
const say = (databaseUrl: string, ...hints: object[]) =>
  runSql(
    databaseUrl,
    `select pg_notify('outlast_bus', E'node_0\\n${hints.map((hint) => JSON.stringify(hint)).join('\\n')}')`,
  )

/** A server that listens on the bus, a session, and a watcher. */
async function listening(t: TestContext) {
  const server = await startServer(t)
  const session = await createSession(server)
  const stream = await watch(t, server.url)
  const stored = { kind: 'stored', session: session.id, sequence: 1 }
  await eventually(async () => {
    await say(server.databaseUrl, stored)
    return stream.told.some(({ data }) => data.id === session.id)
  })
  const before = stream.told.length
  const reset = () =>
    stream.until(() => stream.told.slice(before).find(({ event }) => event === 'reset'))
  return { server, session, stream, reset }
}

test('accepts hints without an organization and hints with unknown fields', async (t) => {
  const { server, session, stream, reset } = await listening(t)
  const { is_pinned: _, ...told } = session
  assert.deepEqual(await stream.session(session.id), told)
  const news = { kind: 'news', org: session.organization_id, what: {} }
  await say(server.databaseUrl, news, { kind: 'deleted', session: session.id })
  await reset()
  assert.ok(stream.told.every(({ event }) => event !== 'session.deleted'))
})

test('changes that are pending when hints may be lost follow the reload frame', async (t) => {
  const { server, session, stream } = await listening(t)
  const before = stream.told.length
  const id = `agent_${'0'.repeat(32)}`
  const changed = { kind: 'changed', org: session.organization_id, noun: 'agent', id }
  await say(server.databaseUrl, changed, { kind: 'hello' })
  await stream.changed('agent', id)
  const told = stream.told.slice(before).map(({ event }) => event)
  // The session was reported until the node listened.
  const after = told.filter((event) => event !== 'session.changed')
  assert.deepEqual(after, ['reset', 'changed'])
})

/**
 * Hints are sent 200 at a time while they arrive, so that more than the limit of 10,000 are needed;
 * with 20,000 a second flood could replace the last change.
 */
test('a flood of hints over the limit ends in a reload frame', async (t) => {
  const { server, session, stream, reset } = await listening(t)
  await runSql(
    server.databaseUrl,
    `select pg_notify('outlast_bus', 'node_0' || string_agg(E'\\n' ||
      '{"kind":"stored","session":"session_' || lpad(n::text, 32, '0') || '","sequence":1,"org":"${session.organization_id}"}', ''))
    from generate_series(1, 19000) n group by n / 40`,
  )
  await reset()
  const last = await createAgent(server)
  await stream.changed('agent', last.id)
})

test('other nodes still receive hints of messages, in the same form', async (t) => {
  const { one, stream } = await pairWatched(t, { env: {} })
  const { id } = await createSession(one)
  const client = new pg.Client(one.databaseUrl)
  client.on('error', () => {})
  const heard: string[] = []
  client.on('notification', ({ payload }) => heard.push(payload!))
  await client.connect()
  await client.query('listen outlast_bus')
  const hints = () =>
    heard.flatMap((payload) => payload.split('\n').slice(1)).map((hint) => JSON.parse(hint))
  const say = async (text: string) => {
    await converse(t, one, id, text)
    await stream.session(id, ({ usage, status }) => status === 'idle' && usage !== null)
    const last = (await eventsOf(one, id)).at(-1)!.sequence
    // Notifications arrive with the next response.
    await eventually(async () => {
      await client.query('select')
      return hints().some(({ kind, sequence }) => kind === 'stored' && sequence === last)
    })
  }
  await say('Hello')
  heard.length = 0
  await say('And again')
  await client.end()
  const kinds = new Set(hints().map(({ kind }) => kind))
  assert.ok(kinds.has('stored') && !kinds.has('changed'), [...kinds].join())
})
