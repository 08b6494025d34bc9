import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import pg from 'pg'
import { createTestDatabase } from '../../apps/server/test/database.ts'
import { createSession, eventsOf, post, replyOf, typesOf } from '../../apps/server/test/session.ts'
import { follow } from '../../apps/server/test/stream.ts'
import { auditLog } from './audit.ts'
import { gatedWorld } from './gates.ts'
import { followSoon, type Node, scopeOf, startNode, startNodeHere } from './scenario.ts'
import { startWorld, type WorldOptions, worldlySession } from './world.ts'

/** Turns begin from the queue. */
const queued = { WORKER_SLOTS: '1' }

async function setStage(t: TestContext, env: Record<string, string> = {}) {
  const scope = scopeOf(t)
  const databaseUrl = await createTestDatabase(scope)
  const gates = gatedWorld()
  // A node that takes over a turn with a tool does not end it before its cancel.
  const reply: WorldOptions['reply'] = async function* (prompt, call) {
    if (prompt.at(-1)?.role === 'tool') await new Promise(() => {})
    yield* gates.reply(prompt, call)
  }
  const world = await startWorld(scope, { ...gates, reply })
  const where = { databaseUrl, worldUrl: world.url, env }
  const here = await startNodeHere(scope, where)
  return { scope, gates, world, here, where, ...(await worldlySession(here, world)) }
}

const cancel = (node: Node, id: string) => node.call('POST', `/v1/sessions/${id}/cancel`)

for (const words of ['text', 'pay']) {
  test(`cancel of a turn whose node has just died in the middle of ${words}`, async (t) => {
    const { scope, gates, here, where, session, ...stage } = await setStage(t)
    await here.stop()
    const dying = await startNode(scope, where)
    await post(dying, session.id, words)
    await gates.gate(words).reached
    const asked = await startNodeHere(scope, where)
    const stream = await follow(scope, asked.url, { sessionId: session.id })
    await dying.crash()
    const { status, body } = await cancel(asked, session.id)
    assert.deepEqual([status, body.status], [200, 'cancelled'])
    await stream.event('session.idled')
    assert.equal((await cancel(asked, session.id)).body.status, 'no_op')
    await post(asked, session.id, 'hello')
    await stream.event('session.idled', 2)
    const events = await eventsOf(asked, session.id)
    auditLog(events)
    const types = typesOf(events)
    assert.equal(types.filter((type) => type === 'turn.cancelled').length, 1)
    assert.equal(types.filter((type) => type === 'session.idled').length, 2)
    assert.match(replyOf(events), /hello/)
    assert.ok(stage.world.count('pay') <= 1)
  })
}

test('of two concurrent cancels on two nodes one cancels and the other has no effect', async (t) => {
  const { scope, gates, here, where, session } = await setStage(t)
  const there = await startNodeHere(scope, where)
  await post(here, session.id, 'text')
  await gates.gate('text').reached
  const both = await Promise.all([cancel(here, session.id), cancel(there, session.id)])
  assert.deepEqual(both.map(({ body }) => body.status).sort(), ['cancelled', 'no_op'])
  const stream = await follow(scope, there.url, { sessionId: session.id })
  await stream.event('session.idled')
  const events = await eventsOf(there, session.id)
  auditLog(events)
  const types = typesOf(events)
  assert.equal(types.filter((type) => type === 'turn.cancelled').length, 1)
  assert.equal(types.filter((type) => type === 'session.idled').length, 1)
})

/** Rows of any table that have a session's id in any column. */
async function traces(databaseUrl: string, sessionId: string) {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  const { rows: tables } = await client.query<{ name: string }>(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables
     where schemaname not in ('pg_catalog', 'information_schema')`,
  )
  const found: Record<string, number> = {}
  for (const { name } of tables) {
    const text = `select count(*)::int as n from ${name} as row where row::text like $1`
    const { rows } = await client.query<{ n: number }>(text, [`%${sessionId}%`])
    if (rows[0]!.n > 0) found[name] = rows[0]!.n
  }
  await client.end()
  return found
}

for (const words of ['text', 'look']) {
  test(`deleting a session in the middle of ${words} leaves no rows, and the nodes continue`, async (t) => {
    const { scope, gates, here, where, agent, session } = await setStage(t, queued)
    const there = await startNodeHere(scope, where)
    const { id } = session
    await post(here, id, words)
    await gates.gate(words).reached
    await post(there, id, 'and this')
    const streams = await Promise.all(
      [here, there].map(({ url }) => follow(scope, url, { sessionId: id })),
    )
    const before = Object.keys(await traces(where.databaseUrl, id))
    assert.ok(['sessions', 'events', 'turns'].every((name) => before.includes(`public.${name}`)))
    assert.equal((await there.call('DELETE', `/v1/sessions/${id}`)).status, 204)
    for (const node of [here, there]) {
      assert.equal((await post(node, id, 'anybody there?')).status, 404)
      assert.equal((await cancel(node, id)).status, 404)
    }
    gates.gate(words).open()
    for (const { ended } of streams) await ended
    for (const node of [here, there]) {
      const other = await createSession(node, { agent_id: agent.id })
      await post(node, other.id, 'hello')
      const stream = await followSoon(scope, node, other.id)
      await stream.event('session.idled')
      assert.match(replyOf(stream.events), /hello/)
    }
    await here.stop()
    await there.stop()
    const left = await traces(where.databaseUrl, id)
    // The audit log keeps the user who deleted it.
    assert.deepEqual(left, { 'public.audit_log': 1 })
  })
}
