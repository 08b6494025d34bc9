/** The same POST many times at once, on one node and on two. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { type HttpAnswer, startServer } from '../../apps/server/test/server.ts'
import { createAgent, createSession, eventsOf } from '../../apps/server/test/session.ts'
import { follow } from '../../apps/server/test/stream.ts'

const many = 20

type Server = Awaited<ReturnType<typeof startServer>>
let server: Server
let other: Server

beforeAll(async (t) => {
  server = await startServer(t as TestContext)
  other = await startServer(t as TestContext, { databaseUrl: server.databaseUrl })
})

type Post = { path: string; key: string; bodyOf: (n: number) => unknown }

/** Half of the requests go to each node. */
function atOnce({ path, key, bodyOf }: Post): Promise<HttpAnswer[]> {
  const send = async (n: number) => {
    const { call } = n % 2 === 0 ? server : other
    for (;;) {
      const answer = await call('POST', path, bodyOf(n), { 'idempotency-key': key })
      // On a slow machine one may wait 5 s for another, and is refused.
      if (answer.body.code !== 'idempotency_in_progress') return answer
    }
  }
  return Promise.all(Array.from({ length: many }, (_, n) => send(n)))
}

const isReplayed = ({ headers }: HttpAnswer) => headers.get('idempotency-replayed') === 'true'

function assertSame(answers: HttpAnswer[], status: number) {
  const [first, ...rest] = answers
  for (const { status, body } of rest) {
    assert.deepEqual({ status, body }, { status: first!.status, body: first!.body })
  }
  assert.equal(first!.status, status, JSON.stringify(first!.body))
  assert.equal(answers.filter(isReplayed).length, many - 1)
}

const hello = { message: { content: [{ type: 'text', text: 'Hello' }] } }

test('many equal posts create one resource and get its response', async () => {
  const agent = await createAgent(server)
  const provider = { name: 'Twice', provider_type: 'llmsim' }
  const created = await server.call('POST', '/v1/llm-providers', provider)
  const posts: [string, object][] = [
    ['/v1/agents', { name: 'Twice', system_prompt: 'x' }],
    ['/v1/sessions', { agent_id: agent.id, title: 'Twice' }],
    ['/v1/llm-providers', provider],
    [
      `/v1/llm-providers/${created.body.id}/models`,
      { model_id: 'llmsim-default', display_name: 'Twice' },
    ],
  ]
  for (const [path, body] of posts) {
    const before = (await server.call('GET', path)).body.total
    assertSame(await atOnce({ path, key: 'equal', bodyOf: () => body }), 201)
    assert.equal((await server.call('GET', path)).body.total, before + 1, path)
  }
})

test('many equal messages are one message and one turn', async (t) => {
  const session = await createSession(server)
  const path = `/v1/sessions/${session.id}/messages`
  const stream = await follow(t, other.url, { sessionId: session.id })
  assertSame(await atOnce({ path, key: 'hello', bodyOf: () => hello }), 201)
  await stream.event('session.idled')
  const types = (await eventsOf(server, session.id)).map(({ type }) => type)
  assert.equal(types.filter((type) => type === 'input.message').length, 1)
  assert.equal(types.filter((type) => type === 'turn.started').length, 1)
})

test('many equal cancels get one response', async () => {
  const session = await createSession(server)
  const path = `/v1/sessions/${session.id}/cancel`
  const answers = await atOnce({ path, key: 'stop', bodyOf: () => undefined })
  assertSame(answers, 200)
  assert.equal(answers[0]!.body.status, 'no_op')
})

test('many equal posts that fail get one response', async () => {
  const body = { agent_id: `agent_${'0'.repeat(32)}` }
  assertSame(await atOnce({ path: '/v1/sessions', key: 'nobody', bodyOf: () => body }), 404)
})

test('of many different bodies under one key one succeeds', async () => {
  const { id: agent_id } = await createAgent(server)
  const before = (await server.call('GET', `/v1/sessions?agent_id=${agent_id}`)).body.total
  const bodyOf = (n: number) => ({ agent_id, title: `Title ${n}` })
  const answers = await atOnce({ path: '/v1/sessions', key: 'different', bodyOf })
  const won = answers.filter(({ status }) => status === 201)
  assert.equal(won.length, 1)
  for (const answer of answers) {
    if (answer === won[0]) continue
    assert.equal(answer.status, 409)
    assert.equal(answer.body.code, 'idempotency_key_reused')
  }
  const after = await server.call('GET', `/v1/sessions?agent_id=${agent_id}`)
  assert.equal(after.body.total, before + 1)
  assert.equal(after.body.data[0].title, won[0]!.body.title)
})

test('accepts all messages under different keys, in one order for all readers', async (t) => {
  const session = await createSession(server)
  const stream = await follow(t, server.url, { sessionId: session.id })
  const posts = Array.from({ length: many }, (_, n) =>
    (n % 2 === 0 ? server : other).call('POST', `/v1/sessions/${session.id}/messages`, hello, {
      'idempotency-key': `key ${n}`,
    }),
  )
  const answers = await Promise.all(posts)
  assert.ok(answers.every(({ status }) => status === 201))
  const sequences = answers.map(({ body }) => body.sequence)
  assert.equal(new Set(sequences).size, many)
  await stream.until(() =>
    stream.events.filter(({ type }) => type === 'input.message').length === many &&
    stream.events.at(-1)!.type === 'session.idled'
      ? true
      : undefined,
  )
  const listed = await eventsOf(other, session.id)
  const inputs = listed.filter(({ type }) => type === 'input.message')
  assert.deepEqual(inputs.map(({ sequence }) => sequence).sort(), sequences.sort())
})
