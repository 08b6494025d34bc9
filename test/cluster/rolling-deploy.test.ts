/** Nodes with different capabilities on one database, as during a rolling deploy. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Why, Worker } from '@outlast/contract'
import { Type } from 'typebox'
import { defineCapability, defineTool } from '../../apps/server/src/capabilities/capability.ts'
import { builtins } from '../../apps/server/src/capabilities/index.ts'
import { createTestDatabase, runSql } from '../../apps/server/test/database.ts'
import { type ServerOptions, startServer } from '../../apps/server/test/server.ts'
import {
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

type Server = Awaited<ReturnType<typeof startServer>>

const shouting = (description = 'Shouts.', policy: 'auto' | 'requires_approval' = 'auto') =>
  defineCapability({
    id: 'shouting',
    name: 'Shouting',
    description: 'Shouts.',
    category: 'Testing',
    icon: 'megaphone',
    status: 'available',
    tools: () => [
      defineTool({
        name: 'shout',
        description,
        replay: 'safe',
        policy,
        input: Type.Object({ text: Type.String() }),
        run: async ({ text }) => ({ shouted: text.toUpperCase() }),
      }),
    ],
  })

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
  const { id } = await shoutingSession(two)
  await two.stop()
  const one = await start(older)
  const stream = await follow(t, one.url, { sessionId: id })
  await post(one, id, scripted({ text: 'word '.repeat(40), tokens_per_second: 10 }))
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
  await stream.event('output.message.started')
  const running = await whyOf(one, id)
  assert.deepEqual([running.state, running.missing_capabilities], ['calls_model', ['shouting']])
  assert.match(running.sentence, /, without the capability shouting, since .+ on node_/)
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
  await endWait(databaseUrl, 30)
  const later = await refused(one, id)
  assert.equal(Date.parse(until!) - Date.parse(later.until!), 30_000)
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
    renewals.add(body.data.find(({ alive }: Worker) => alive).lease_until)
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
