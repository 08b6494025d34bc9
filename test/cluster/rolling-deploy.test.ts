/** Nodes with different capabilities on one database, as during a rolling deploy. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Why, Worker } from '@outlast/contract'
import { builtins } from '../../apps/server/src/capabilities/index.ts'
import {
  callerWith,
  createKey,
  registerPerson,
  startGuarded,
} from '../../apps/server/test/access.ts'
import { createTestDatabase, queryRows, runSql } from '../../apps/server/test/database.ts'
import { startModel } from '../../apps/server/test/remotes/written-model.ts'
import { type ServerOptions, startServer } from '../../apps/server/test/server.ts'
import {
  converse,
  createAgent,
  createSession,
  dataOf,
  eventsOf,
  post,
  replyOf,
  scripted,
  typesOf,
} from '../../apps/server/test/session.ts'
import { follow } from '../../apps/server/test/stream.ts'
import { eventually } from '../../apps/server/test/waiting.ts'
import { startProcess } from '../process.ts'
import { shouting } from './shouting.ts'

type Server = Awaited<ReturnType<typeof startServer>>

const env = { SHUTDOWN_GRACE_MS: '0' }
const older = { env }
const newer = { env, capabilities: [...builtins, shouting()] }

const shoutThenAnswer = scripted(
  { tool_calls: [{ name: 'shout', arguments: { text: 'hey' } }] },
  { text: 'done' },
)

async function nodesOn(t: TestContext) {
  const databaseUrl = await createTestDatabase(t)
  return {
    databaseUrl,
    start: (options: ServerOptions = {}) => startServer(t, { ...options, databaseUrl }),
  }
}

async function shoutingSession(server: Server) {
  const agent = await createAgent(server, { capabilities: [{ ref: 'shouting' }] })
  return createSession(server, { agent_id: agent.id })
}

async function whyOf({ call }: Server, sessionId: string): Promise<Why> {
  const { status, body } = await call('GET', `/v1/sessions/${sessionId}/why`)
  assert.equal(status, 200, JSON.stringify(body))
  return body
}

/** Waits until a node has refused the turn of a session. */
const refused = (server: Server, sessionId: string) =>
  eventually(async () => {
    const why = await whyOf(server, sessionId)
    return why.state === 'queued' && why.missing_capabilities.length > 0 ? why : undefined
  })

const endWait = (databaseUrl: string, seconds = 60) =>
  runSql(databaseUrl, `update turns set refused_at = refused_at - interval '${seconds} seconds'`)

test('a node runs only turns whose capabilities it has, wherever their messages are posted', async (t) => {
  const { start } = await nodesOn(t)
  const one = await start(older)
  const two = await start(newer)
  const sessions = await Promise.all(Array.from({ length: 6 }, () => shoutingSession(two)))
  for (const [index, { id }] of sessions.entries()) {
    const node = index % 2 === 0 ? one : two
    const stream = await follow(t, node.url, { sessionId: id })
    assert.equal((await post(node, id, shoutThenAnswer)).status, 201)
    await stream.event('session.idled')
    const events = await eventsOf(one, id)
    assert.equal(replyOf(events), 'done')
    assert.match(JSON.stringify(dataOf(events, 'tool.completed').result), /HEY/)
    assert.ok(!typesOf(events).includes('capability.unavailable'))
    assert.equal(dataOf(events, 'session.activated').missing_capabilities, undefined)
  }
})

test('a turn that no node can serve waits for 60 s from its first refusal, then runs without the capability', async (t) => {
  const { start, databaseUrl } = await nodesOn(t)
  const two = await start(newer)
  const model = await startModel(t)
  const { id } = await model.session(two, { capabilities: [{ ref: 'shouting' }] })
  await two.stop()
  const one = await start(older)
  const stream = await follow(t, one.url, { sessionId: id })
  await post(one, id, 'hello')
  const why = await refused(one, id)
  assert.deepEqual([why.state, why.missing_capabilities, why.node], ['queued', ['shouting'], null])
  const waitMs = Date.parse(why.until!) - Date.parse(why.since)
  assert.ok(waitMs >= 60_000, `${waitMs}`)
  assert.match(
    why.sentence,
    /^It waits at most until .+ for a node with the capability shouting, since /,
  )
  assert.deepEqual(typesOf(await eventsOf(one, id)), ['session.started', 'input.message'])

  await endWait(databaseUrl)
  const call = await model.call()
  // A node that renews its lease late hides the state meanwhile.
  const running = await eventually(async () => {
    const found = await whyOf(one, id)
    return found.state === 'calls_model' ? found : undefined
  })
  assert.deepEqual(running.missing_capabilities, ['shouting'])
  assert.match(running.sentence, /, without the capability shouting, since .+ on node_/)
  call.end()
  await stream.event('session.idled')
  const events = await eventsOf(one, id)
  assert.deepEqual(dataOf(events, 'session.activated').missing_capabilities, ['shouting'])
  const { capability_id, error, reason } = dataOf(events, 'capability.unavailable')
  assert.deepEqual([capability_id, reason], ['shouting', 'missing'])
  assert.match(error, /No node with the capability shouting could take the turn/)
  assert.equal(typesOf(events).filter((type) => type === 'capability.unavailable').length, 1)
})

test('the wait of a refused turn ends when a node with the capability starts', async (t) => {
  const { start, databaseUrl } = await nodesOn(t)
  const two = await start(newer)
  const { id } = await shoutingSession(two)
  await two.stop()
  const one = await start(older)
  const stream = await follow(t, one.url, { sessionId: id })
  await post(one, id, shoutThenAnswer)
  const { until } = await refused(one, id)
  // A second node that lacks it does not restart the wait.
  await start(older)
  // Again if that node refuses the turn at the same moment, with the time that it has read before.
  const later = await eventually(async () => {
    const why = await refused(one, id)
    if (why.until !== until) return why
    await endWait(databaseUrl, 5)
    return undefined
  })
  assert.equal(Date.parse(until!) - Date.parse(later.until!), 5_000)
  await start(newer)
  await stream.event('session.idled')
  const events = await eventsOf(one, id)
  assert.equal(replyOf(events), 'done')
  assert.ok(!typesOf(events).includes('capability.unavailable'))
})

test('many waiting turns are refused about once by each node', async (t) => {
  const { start } = await nodesOn(t)
  const two = await start(newer)
  const sessions = []
  for (let n = 0; n < 30; n += 1) sessions.push(await shoutingSession(two))
  await two.stop()
  const one = await start(older)
  for (const { id } of sessions) await post(one, id, shoutThenAnswer)
  for (const { id } of sessions) await refused(one, id)
  const renewals = new Set<string>()
  await eventually(async () => {
    const { body } = await one.call('GET', '/v1/durable/workers')
    for (const { alive, lease_until } of body.data as Worker[]) if (alive) renewals.add(lease_until)
    return renewals.size > 6
  })
  const { body } = await one.call('GET', '/v1/durable/workflows?status=queued&limit=100')
  assert.equal(body.total, 30)
  const attempts = body.data.reduce(
    (sum: number, turn: { attempts: number }) => sum + turn.attempts,
    0,
  )
  assert.ok(attempts < 60, `${attempts} attempts`)
  const three = await start(newer)
  for (const { id } of sessions) {
    const stream = await follow(t, three.url, { sessionId: id })
    await stream.event('session.idled')
    assert.equal(replyOf(await eventsOf(three, id)), 'done')
  }
})

test('a turn that waits for an approval resumes on a node with its capability', async (t) => {
  const { start } = await nodesOn(t)
  const capabilities = [...builtins, shouting('Shouts.', 'requires_approval')]
  const two = await start({ env, capabilities })
  const { id } = await shoutingSession(two)
  const one = await start(older)
  const stream = await follow(t, one.url, { sessionId: id })
  await post(one, id, shoutThenAnswer)
  const { data } = await stream.event('tool.approval_requested')
  await eventually(async () => (await whyOf(one, id)).state === 'waits_for_approval')
  await two.stop()
  const path = `/v1/sessions/${id}/approvals/${data.tool_call.id}`
  assert.equal((await one.call('POST', path, { decision: 'approve' })).status, 200)
  assert.deepEqual((await refused(one, id)).missing_capabilities, ['shouting'])
  await start({ env, capabilities })
  await stream.event('session.idled')
  const events = await eventsOf(one, id)
  assert.match(JSON.stringify(dataOf(events, 'tool.completed').result), /HEY/)
  assert.equal(replyOf(events), 'done')
})

test('a turn that waits for a node can be cancelled, and messages steer it or follow it', async (t) => {
  const { start } = await nodesOn(t)
  const two = await start(newer)
  const { id } = await shoutingSession(two)
  await two.stop()
  const one = await start(older)
  const stream = await follow(t, one.url, { sessionId: id })
  await post(one, id, 'first')
  await refused(one, id)
  assert.equal((await one.call('POST', `/v1/sessions/${id}/cancel`)).body.status, 'cancelled')
  await stream.event('session.idled')
  await post(one, id, 'second')
  await refused(one, id)
  await post(one, id, 'third', { on_busy: 'steer' })
  await post(one, id, shoutThenAnswer, { on_busy: 'queue' })
  await start(newer)
  await stream.event('session.idled', 2)
  const events = await eventsOf(one, id)
  const count = (type: string) => typesOf(events).filter((each) => each === type).length
  assert.deepEqual([count('turn.cancelled'), count('turn.completed')], [1, 2])
  assert.equal(replyOf(events), 'done')
})

test('a session token does not see the capabilities that its turn waits for or lacks', async (t) => {
  const two = await startGuarded(t, newer)
  const key = await createKey(two, await registerPerson(two))
  const { id } = await shoutingSession({ ...two, call: key.call })
  const made = await key.call('POST', `/v1/sessions/${id}/tokens`, { access: 'write' })
  await two.stop()
  const one = await startGuarded(t, { ...older, databaseUrl: two.databaseUrl })
  const token = { ...one, call: callerWith(one.url, `Bearer ${made.body.token}`) }
  assert.equal((await post(token, id, 'hello')).status, 201)
  await refused({ ...one, call: callerWith(one.url, key.key) }, id)
  // A node that looks at the turn again shows it as starting for a moment.
  const why = await eventually(async () => {
    const told = await whyOf(token, id)
    return told.state === 'queued' ? told : undefined
  })
  assert.deepEqual([why.missing_capabilities, why.until], [[], null])
  assert.ok(!JSON.stringify(why).includes('shouting'))

  const query = `?access_token=${made.body.token}`
  const stream = await follow(t, one.url, { sessionId: id, query })
  await endWait(one.databaseUrl)
  await stream.event('session.idled')
  const whole = await eventsOf({ ...one, call: callerWith(one.url, key.key) }, id)
  assert.deepEqual(dataOf(whole, 'session.activated').missing_capabilities, ['shouting'])
  assert.ok(!JSON.stringify([stream.events, await eventsOf(token, id)]).includes('shouting'))
})

test('a refused turn is counted in full by the node that runs it', async (t) => {
  const { start, databaseUrl } = await nodesOn(t)
  const two = await start(newer)
  const [direct, later] = [await shoutingSession(two), await shoutingSession(two)]
  const text = 'word '.repeat(4_000)
  await converse(t, two, direct.id, text)
  await two.stop()
  const one = await start(older)
  await post(one, later.id, text)
  await refused(one, later.id)
  const stream = await follow(t, one.url, { sessionId: later.id })
  await start(newer)
  await stream.event('session.idled')
  const sql = 'select stored_bytes::int from sessions order by id'
  const [first, other] = await queryRows<{ stored_bytes: number }>(databaseUrl, sql)
  const difference = Math.abs(first!.stored_bytes - other!.stored_bytes)
  assert.ok(difference < text.length / 2, `${first!.stored_bytes} and ${other!.stored_bytes}`)
})

test('nodes with the same capabilities report one catalog hash, others another', async (t) => {
  const { start, databaseUrl } = await nodesOn(t)
  const one = await start(older)
  const hashes = async () => {
    const { body } = await one.call('GET', '/v1/durable/workers')
    return body.data.map(({ catalog_hash }: Worker) => catalog_hash)
  }
  const process = await startProcess({ DATABASE_URL: databaseUrl })
  t.after(process.crash)
  await start(newer)
  await start({ ...newer, env: { ROLE: 'worker' } })
  await start({ env, capabilities: [...builtins, shouting('Shouts loudly.')] })
  const [here, there, added, same, changed] = await hashes()
  assert.match(here, /^[0-9a-f]{16}$/)
  assert.deepEqual([there, same], [here, added])
  assert.equal(new Set([here, added, changed]).size, 3)
})
