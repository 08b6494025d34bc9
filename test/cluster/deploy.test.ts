import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { builtins } from '../../apps/server/src/capabilities/index.ts'
import { connectTo, createTestDatabase } from '../../apps/server/test/database.ts'
import { startServer } from '../../apps/server/test/server.ts'
import {
  converse,
  createAgent,
  createSession,
  dataOf,
  eventsOf,
  post,
  replyOf,
  scripted,
} from '../../apps/server/test/session.ts'
import { follow } from '../../apps/server/test/stream.ts'
import { shouting } from './shouting.ts'

const words = Array.from({ length: 60 }, (_, n) => `word${n}`).join(' ')

const older = { version: '1.0.0', env: { SHUTDOWN_GRACE_MS: '0' } }
const newer = { ...older, version: '2.0.0', capabilities: [...builtins, shouting()] }

/** Slow enough for another node to start meanwhile. */
const slow = { text: words, tokens_per_second: 30 }

async function nodes(t: TestContext) {
  const databaseUrl = await createTestDatabase(t)
  return (options: Parameters<typeof startServer>[1]) => startServer(t, { ...options, databaseUrl })
}

test('a turn that the older version began is finished by the newer one', async (t) => {
  const start = await nodes(t)
  const one = await start(older)
  const { id } = await createSession(one)
  const stream = await follow(t, one.url, { sessionId: id })
  await post(one, id, scripted(slow))
  await stream.event('output.message.delta', 2)
  // Before the other node starts, which can take longer than the turn.
  const last = stream.events.findLast((event) => event.id)!.id
  const two = await start(newer)
  await one.stop()
  const rest = await follow(t, two.url, { sessionId: id, query: `?since_id=${last}` })
  await rest.event('session.idled')
  const events = await eventsOf(two, id)
  assert.equal(replyOf(events), words)
  assert.equal(events.filter(({ type }) => type === 'turn.completed').length, 1)
})

test('the older version leaves a turn to the newer one when it needs a newer feature', async (t) => {
  const start = await nodes(t)
  const one = await start(newer)
  const agent = await createAgent(one, { capabilities: [{ ref: 'shouting' }] })
  const { id } = await createSession(one, { agent_id: agent.id })
  const stream = await follow(t, one.url, { sessionId: id })
  const steps = [
    { ...slow, tool_calls: [{ name: 'shout', arguments: { text: 'hey' } }] },
    { text: 'done' },
  ]
  await post(one, id, scripted(...steps))
  await stream.event('output.message.delta', 2)
  const two = await start(older)
  await start(newer)
  await one.stop()
  const rest = await follow(t, two.url, { sessionId: id })
  await rest.event('session.idled')
  const events = await eventsOf(two, id)
  assert.equal(replyOf(events), 'done')
  const { success, result } = dataOf(events, 'tool.completed')
  assert.ok(success)
  assert.match(JSON.stringify(result), /HEY/)
})

test('a message with settings for its turn has a shape that nodes of 0.1 do not run', async (t) => {
  const server = await startServer(t)
  const output_schema = { type: 'object', properties: { text: { type: 'string' } } }
  for (const [settings, shape] of [
    [{}, undefined],
    [{ controls: { hints: { web: true } } }, undefined],
    [{ controls: { output_schema } }, 2],
    [{ controls: { max_output_tokens: 100 } }, 2],
    [{ instructions: 'Be brief.' }, 2],
    [{ context: [{ description: 'Page', value: 'Prices' }] }, 2],
  ] as const) {
    const { id } = await createSession(server)
    const events = await converse(t, server, id, scripted({ text: '{"text":"Done."}' }), settings)
    const shapes = events.flatMap(({ type, context }) =>
      type === 'input.message' ? [context.v] : [],
    )
    assert.deepEqual(shapes, [shape], JSON.stringify(settings))
    const fork = await server.call('POST', `/v1/sessions/${id}/fork`, {})
    const [copied] = await eventsOf(server, fork.body.id, '?types=input.message')
    assert.equal(copied?.context.v, shape)
  }
})

test('an unknown event type leaves the turn unchanged for any length of time', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const api = await startServer(t, { databaseUrl, env: { ROLE: 'api' } })
  const sql = await connectTo(t, databaseUrl)
  for (const [type, shape] of [
    ['turn.pondered', ''],
    ['turn.started', ',"v":3'],
  ]) {
    const { id } = await createSession(api)
    await post(api, id, 'hello')
    const { rows } = await sql.query(
      `with s as (update sessions set sequence = sequence + 1 where id = $1 returning *)
       insert into events (session_id, sequence, type, ts, context, data)
       select id, sequence, $2, now(), ('{"turn_id":"' || turn_id || '"' || $3 || '}')::json, '{}' from s
       returning sequence`,
      [id, type, shape],
    )
    const worker = await startServer(t, { databaseUrl, env: { ROLE: 'worker' } })
    const given = async () => {
      const found = await sql.query(
        'select turn_attempt, turn_node, turn_tries from sessions where id = $1',
        [id],
      )
      return found.rows[0]
    }
    let state = await given()
    while (state.turn_attempt < 2 || state.turn_node) {
      await new Promise((resolve) => setTimeout(resolve, 50))
      state = await given()
    }
    assert.equal(state.turn_tries, 0, 'no attempt counts against the turn')
    const { body } = await api.call('GET', `/v1/sessions/${id}`)
    assert.equal(body.status, 'active')
    await sql.query('delete from events where session_id = $1 and sequence = $2', [
      id,
      rows[0].sequence,
    ])
    const stream = await follow(t, api.url, { sessionId: id })
    await stream.event('turn.completed')
    await worker.stop()
  }
})
