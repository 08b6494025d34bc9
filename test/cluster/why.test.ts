/** Sessions in every state and their `why`, read on another node than that of the turn. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Why } from '@outlast/contract'
import { connectTo, runSql } from '../../apps/server/test/database.ts'
import { addVendorModel, startVendor } from '../../apps/server/test/remotes/vendor.ts'
import { startModel } from '../../apps/server/test/remotes/written-model.ts'
import { startServer } from '../../apps/server/test/server.ts'
import {
  converse,
  createAgent,
  createSession,
  dataOf,
  post,
  scripted,
} from '../../apps/server/test/session.ts'
import { follow } from '../../apps/server/test/stream.ts'
import { eventually } from '../../apps/server/test/waiting.ts'
import { startProcess } from '../process.ts'
import { handTools } from './hand-tools.ts'

type Server = Pick<Awaited<ReturnType<typeof startServer>>, 'call'>

async function whyOf({ call }: Server, sessionId: string): Promise<Why> {
  const { status, body } = await call('GET', `/v1/sessions/${sessionId}/why`)
  assert.equal(status, 200, JSON.stringify(body))
  return body
}

/** Waits until a session is in that state. A node that renews its lease late hides it meanwhile. */
const comesTo = (server: Server, sessionId: string, state: Why['state']) =>
  eventually(async () => {
    const why = await whyOf(server, sessionId)
    return why.state === state ? why : undefined
  })

/** A node that runs turns, and one that serves requests. */
async function cluster(t: TestContext, options: Parameters<typeof startServer>[1] = {}) {
  const worker = await startServer(t, options)
  const { databaseUrl } = worker
  const api = await startServer(t, {
    ...options,
    databaseUrl,
    env: { ...options.env, ROLE: 'api' },
  })
  const { body } = await api.call('GET', '/v1/durable/workers')
  const node: string = body.data.find(({ role }: { role: string }) => role !== 'api').id
  return { worker, api, node, databaseUrl }
}

test('reports an idle session, and how its last turn failed', async (t) => {
  const { worker, api, node } = await cluster(t)
  const { id, created_at } = await createSession(api)
  const fresh = await whyOf(api, id)
  assert.deepEqual([fresh.state, fresh.since, fresh.turn_id], ['idle', created_at, null])
  assert.match(fresh.sentence, /^It has had no message yet, since /)
  await converse(t, worker, id, 'hello')
  const { body } = await api.call('GET', `/v1/sessions/${id}`)
  const idle = await whyOf(api, id)
  assert.deepEqual([idle.state, idle.since, idle.node], ['idle', body.finished_at, null])
  const events = await converse(t, worker, id, scripted({ error: { message: 'x', status: 400 } }))
  const { turn_id, error, error_code } = dataOf(events, 'turn.failed')!
  const failed = await whyOf(api, id)
  assert.deepEqual(
    [failed.state, failed.turn_id, failed.error, failed.error_code, failed.node],
    ['failed', turn_id, error, error_code, node],
  )
  assert.match(
    failed.sentence,
    /its last turn failed permanently with llm_error, since .+ on node_/,
  )
  await converse(t, worker, id, 'hello')
  assert.equal((await whyOf(api, id)).state, 'idle')
})

test('reports a model call with its model, attempt, start and node', async (t) => {
  const model = await startModel(t)
  const { worker, api, node } = await cluster(t)
  const { id } = await model.session(api)
  const stream = await follow(t, api.url, { sessionId: id })
  await post(worker, id, 'hello')
  const call = await model.call()
  const asked = await stream.event('output.message.started')
  const why = await comesTo(api, id, 'calls_model')
  assert.deepEqual(why, {
    session_id: id,
    turn_id: asked.data.turn_id,
    state: 'calls_model',
    sentence: `It calls the model m, since ${asked.ts} on ${node}.`,
    since: asked.ts,
    node,
    model: 'm',
    attempt: 1,
    tools: [],
    missing_capabilities: [],
    omitted_images: [],
    turn_settings: null,
    budget_id: null,
    until: null,
    ahead: null,
    error: null,
    error_code: null,
  })
  const body = await eventually(async () => {
    const found = await api.call('GET', `/v1/durable/workflows/${why.turn_id}`)
    return found.body.why.state === 'calls_model' ? found.body : undefined
  })
  assert.deepEqual(
    [body.status, body.node, body.attempts, body.tries, body.why],
    ['running', node, 1, 1, why],
  )
  call.breakOff()
  const again = await model.call(2)
  assert.equal((await comesTo(api, id, 'calls_model')).attempt, 2)
  again.end()
  await stream.event('session.idled')
})

/** Many times the duration of a test. */
const retryAfterSeconds = 50

test('reports a wait before a model retry with its end and cause', async (t) => {
  const { worker, api } = await cluster(t)
  const refusal = { status: 529, body: '{"error":{"message":"Overloaded"}}' }
  const headers = { 'retry-after': String(retryAfterSeconds) }
  await addVendorModel(api, await startVendor(t, () => ({ ...refusal, headers })))
  const { id } = await createSession(api)
  await post(worker, id, 'hello')
  const why = await comesTo(api, id, 'waits_for_retry')
  assert.equal(why.error_code, 'llm_overloaded')
  assert.ok(Date.parse(why.until!) > Date.parse(why.since))
  assert.match(
    why.sentence,
    /^It waits until .+ to retry the model .+, which failed with llm_overloaded, since /,
  )
  assert.equal((await api.call('POST', `/v1/sessions/${id}/cancel`)).body.status, 'cancelled')
  assert.equal((await whyOf(api, id)).state, 'idle')
})

test('reports running tools by name, without finished ones', async (t) => {
  const { capability, finish } = handTools()
  const { worker, api, node } = await cluster(t, { capabilities: [capability] })
  const agent = await createAgent(api, { capabilities: [{ ref: 'hand' }] })
  const { id } = await createSession(api, { agent_id: agent.id })
  const stream = await follow(t, api.url, { sessionId: id })
  const calls = [
    { name: 'safe', arguments: { name: 'one' } },
    { name: 'unsafe', arguments: { name: 'two' } },
  ]
  await post(worker, id, scripted({ tool_calls: calls }, { text: 'done' }))
  const { ts } = await stream.event('tool.started', 2)
  const both = await comesTo(api, id, 'runs_tools')
  assert.equal(both.sentence, `It runs safe and unsafe, since ${ts} on ${node}.`)
  finish('one')
  const one = await eventually(async () => {
    const why = await whyOf(api, id)
    return why.tools.length === 1 ? why : undefined
  })
  assert.deepEqual([one.state, one.tools], ['runs_tools', ['unsafe']])
  finish('two')
  await stream.event('session.idled')
})

test('reports a wait for the client or for an approval with its subject and deadline', async (t) => {
  const { worker, api } = await cluster(t)
  const parameters = { type: 'object' }
  const tool = (name: string, more = {}) => ({
    type: 'client_side',
    name,
    description: 'For the client.',
    parameters,
    ...more,
  })
  const tools = [tool('open_door'), tool('close_door', { policy: 'requires_approval' })]
  const agent = await createAgent(api, { tools })
  const calls = (...names: string[]) => ({
    tool_calls: names.map((name) => ({ name, arguments: {} })),
  })
  for (const [names, state, sentence] of [
    [['open_door'], 'waits_for_client', /for the client to run open_door, since/],
    [['close_door'], 'waits_for_approval', /for a person to decide on close_door, since/],
    [
      ['close_door', 'open_door'],
      'waits_for_client',
      /run open_door and for a person to decide on close_door, since/,
    ],
  ] as const) {
    const { id } = await createSession(api, { agent_id: agent.id })
    await post(worker, id, scripted(calls(...names), { text: 'done' }))
    const why = await comesTo(api, id, state)
    const { body: session } = await api.call('GET', `/v1/sessions/${id}`)
    const { since, calls: asked } = session.waiting_for
    const [until] = asked.map((call: { expires_at: string }) => call.expires_at).sort()
    assert.deepEqual([why.since, why.until, why.node], [since, until, null])
    assert.deepEqual(why.tools.toSorted(), names.toSorted())
    assert.match(why.sentence, sentence)
    const { body } = await api.call('GET', `/v1/durable/workflows?status=waiting&session_id=${id}`)
    assert.deepEqual([body.total, body.data[0].turn_id], [1, why.turn_id])
  }
})

test('reports a wait for a slot with the number of turns ahead, or the lack of a node', async (t) => {
  const model = await startModel(t)
  const api = await startServer(t, { env: { ROLE: 'api' } })
  const { databaseUrl } = api
  const first = await model.session(api)
  await post(api, first.id, 'hello')
  const alone = await whyOf(api, first.id)
  assert.match(alone.sentence, /^It waits for a node: no node is taking turns, since /)
  const { body: health } = await api.call('GET', '/v1/durable/health')
  assert.deepEqual(
    [health.status, health.problems, health.queued],
    ['degraded', ['No node takes turns.'], 1],
  )
  await startServer(t, { databaseUrl, env: { ROLE: 'worker', WORKER_SLOTS: '1' } })
  const call = await model.call()
  await runSql(databaseUrl, "select graphile_worker.add_job('another')")
  const others = [await createSession(api), await createSession(api), await createSession(api)]
  for (const { id } of others) await post(api, id, 'hello')
  for (const [ahead, { id }] of others.entries()) {
    const why = await whyOf(api, id)
    assert.deepEqual([why.state, why.ahead, why.node], ['queued', ahead, null])
  }
  // A node whose lease has expired under load takes no turns until it renews it.
  await eventually(async () => {
    const { sentence } = await whyOf(api, others[1]!.id)
    return /a slot, and 1 turn is ahead of it, since /.test(sentence)
  })
  const { body } = await api.call('GET', '/v1/durable/workflows?status=queued&limit=2')
  assert.deepEqual([body.total, body.data.length], [3, 2])
  const busy = await eventually(async () => {
    const { body } = await api.call('GET', '/v1/durable/health')
    return body.status === 'ok' ? body : undefined
  })
  assert.deepEqual([busy.running, busy.queued], [1, 3])
  assert.ok(busy.oldest_queued_at)
  call.end()
  for (const { id } of others) await comesTo(api, id, 'idle')
})

/** Keeps cancelled turns from their end until the returned function is called. */
async function holdEnds(t: TestContext, databaseUrl: string) {
  const client = await connectTo(t, databaseUrl)
  await client.query(
    `create function hold() returns trigger language plpgsql as
      'begin perform pg_advisory_xact_lock(1); return new; end';
    create trigger hold before update on sessions for each row
      when (old.turn_cancelled and not new.turn_cancelled) execute function hold();
    select pg_advisory_lock(1)`,
  )
  return () => client.query('select pg_advisory_unlock(1)')
}

test('reports a turn whose node is gone until another one takes it, and a turn that is being cancelled', async (t) => {
  const model = await startModel(t)
  const api = await startServer(t, { env: { ROLE: 'api' } })
  const env = {
    DATABASE_URL: api.databaseUrl,
    SECRETS_ENCRYPTION_KEY: `kek-v1:${Buffer.alloc(32, 7).toString('base64')}`,
  }
  const node = await startProcess(env)
  t.after(node.crash)
  const { id } = await model.session(api)
  await post(node, id, 'hello')
  await model.call()
  const { node: name } = await whyOf(api, id)
  await node.crash()
  const gone = await comesTo(api, id, 'node_gone')
  assert.equal(gone.node, name)
  assert.match(gone.sentence, /^Its node is lost, .+, since .+ on node_/)
  const { body: health } = await api.call('GET', '/v1/durable/health')
  assert.match(health.problems.join(), /whose node is gone, about to be taken over: 1\./)

  const next = await startProcess(env)
  t.after(next.crash)
  await model.call(2)
  const back = await comesTo(api, id, 'calls_model')
  assert.equal(back.attempt, 2)
  assert.notEqual(back.node, name)
  next.child.kill('SIGSTOP')
  const release = await holdEnds(t, api.databaseUrl)
  const cancelled = api.call('POST', `/v1/durable/workflows/${back.turn_id}/cancel`)
  assert.equal((await comesTo(api, id, 'cancelling')).turn_id, back.turn_id)
  await release()
  assert.equal((await cancelled).body.status, 'cancelled')
  assert.equal((await whyOf(api, id)).state, 'idle')
  const over = await api.call('POST', `/v1/durable/workflows/${back.turn_id}/cancel`)
  assert.deepEqual([over.status, over.body.code], [404, 'not_found'])
  await next.crash()
})
