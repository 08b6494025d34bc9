import assert from 'node:assert/strict'
import test from 'node:test'
import { createTestDatabase } from '../../apps/server/test/database.ts'
import { startServer } from '../../apps/server/test/server.ts'
import {
  createAgent,
  createSession,
  eventsOf,
  post,
  scripted,
} from '../../apps/server/test/session.ts'
import { follow } from '../../apps/server/test/stream.ts'
import { handTools } from './hand-tools.ts'

test('SIGTERM in the middle of tools: keeps finished results, repeats a safe tool, does not repeat an unsafe one', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const { capability, begun, finish } = handTools()
  const env = { SHUTDOWN_GRACE_MS: '0' }
  const one = await startServer(t, { databaseUrl, env, capabilities: [capability] })
  const agent = await createAgent(one, { capabilities: [{ ref: 'hand' }] })
  const { id } = await createSession(one, { agent_id: agent.id })
  const stream = await follow(t, one.url, { sessionId: id })
  const calls = [
    { name: 'safe', arguments: { name: 'ended' } },
    { name: 'unsafe', arguments: { name: 'done' } },
    { name: 'safe', arguments: { name: 'broken off' } },
    { name: 'unsafe', arguments: { name: 'unknown' } },
  ]
  await post(one, id, scripted({ tool_calls: calls }, { text: 'told' }))
  await stream.event('tool.started', 4)
  finish('ended')
  finish('done')
  await stream.event('tool.completed', 2)
  const two = await startServer(t, { databaseUrl, env, capabilities: [capability] })
  await one.stop()
  const rest = await follow(t, two.url, { sessionId: id })
  await rest.event('tool.completed', 3)
  while (begun.length < 5) await new Promise((resolve) => setTimeout(resolve, 10))
  finish('broken off')
  await rest.event('session.idled')
  assert.deepEqual(begun, ['ended', 'done', 'broken off', 'unknown', 'broken off'])
  const events = await eventsOf(two, id)
  const outcomes = events.flatMap(({ type, data }) => (type === 'tool.completed' ? [data] : []))
  assert.deepEqual(
    outcomes.map(({ success }) => success),
    [true, true, false, true],
  )
  assert.match(outcomes[2]!.error!, /interrupted/)
  assert.equal(events.filter(({ type }) => type === 'llm.generation').length, 2)
})
