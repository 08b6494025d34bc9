import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { createTestDatabase } from '../../apps/server/test/database.ts'
import { startReceiver } from '../../apps/server/test/remotes/otlp.ts'
import { createSession, eventsOf, scripted } from '../../apps/server/test/session.ts'
import { follow } from '../../apps/server/test/stream.ts'
import { eventually } from '../../apps/server/test/waiting.ts'
import { gatedWorld } from '../crash/gates.ts'
import { scopeOf, startNode } from '../crash/scenario.ts'
import { startWorld, worldlySession } from '../crash/world.ts'
import { startProcess } from '../process.ts'

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const traceparent = `00-${traceId}-00f067aa0ba902b7-01`

/** Two nodes that send traces to one receiver; the node with the turn is killed in the middle. */
async function killMidway(t: TestContext, words: string) {
  const scope = scopeOf(t)
  const receiver = await startReceiver(scope)
  const databaseUrl = await createTestDatabase(scope)
  const gates = gatedWorld()
  const world = await startWorld(scope, gates)
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url }
  const killed = await startNode(scope, { databaseUrl, worldUrl: world.url, env })
  const { session } = await worldlySession(killed, world)
  const message = { content: [{ type: 'text', text: words }] }
  const path = `/v1/sessions/${session.id}/messages`
  await killed.call('POST', path, { message }, { traceparent })
  await gates.gate(words).reached
  const other = await startNode(scope, { databaseUrl, worldUrl: world.url, env })
  await killed.crash()
  for (const name of [words, `${words} again`]) gates.gate(name).open()
  const stream = await follow(scope, other.url, { sessionId: session.id })
  await stream.event('session.idled')
  const events = await eventsOf(other, session.id)
  const turnId = events.find(({ type }) => type === 'turn.started')!.context.turn_id!
  const spans = await receiver.trace(turnId)
  const metrics = String((await other.call('GET', '/metrics')).body)
  // All remaining traces are sent when the node stops.
  assert.equal(await other.stop(), 0)
  assert.deepEqual(receiver.spans, spans, 'no span is sent twice')
  return { spans, metrics, events }
}

for (const { words, names, retries } of [
  { words: 'text', names: ['chat m'], retries: 1 },
  { words: 'look', names: ['chat m', 'chat m', 'execute_tool look'], retries: 0 },
  { words: 'pay', names: ['chat m', 'chat m', 'execute_tool pay'], retries: 0 },
]) {
  test(`the trace of a turn whose node was killed in the middle of ${words} has every span once`, async (t) => {
    const { spans, metrics, events } = await killMidway(t, words)
    assert.deepEqual(spans.map(({ name }) => name).sort(), [
      ...names,
      'invoke_agent Ada',
      'wait queue',
    ])
    assert.equal(new Set(spans.map(({ spanId }) => spanId)).size, spans.length)
    const root = spans.find(({ name }) => name.startsWith('invoke_agent'))!
    assert.deepEqual([root.traceId, root.parentId], [traceId, '00f067aa0ba902b7'])
    for (const span of spans) {
      assert.equal(span.traceId, traceId)
      if (span !== root) assert.equal(span.parentId, root.spanId)
    }
    const [first] = spans
      .filter(({ name }) => name.startsWith('chat'))
      .sort((a, b) => Number(a.start - b.start))
    assert.equal(first!.events.length, retries)
    const asked = events.find(({ type }) => type === 'output.message.started')!
    assert.equal(first!.start, BigInt(Date.parse(asked.ts)) * 1_000_000n, 'begun by the dead node')
    assert.match(metrics, /^outlast_takeovers_total 1$/m)
  })
}

test('log lines about a turn have its id and the id of its trace', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const node = await startProcess({ DATABASE_URL: databaseUrl })
  t.after(() => node.stop())
  const session = await createSession(node)
  const stream = await follow(t, node.url, { sessionId: session.id })
  const error = { message: 'overloaded', status: 529, fail_attempts: 1 }
  const content = [{ type: 'text', text: scripted({ text: 'At last.', error }) }]
  const path = `/v1/sessions/${session.id}/messages`
  await node.call('POST', path, { message: { content } }, { traceparent })
  await stream.event('session.idled')
  const turnId = stream.events.find(({ type }) => type === 'turn.started')!.context.turn_id
  // The output can arrive after the events, and after the end of the process.
  await eventually(async () => /"model call failed".*\n/.test(node.output()))
  await node.stop()
  const lines = node
    .output()
    .split('\n')
    .slice(0, -1)
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line))
  const about = lines.filter(({ msg }) => msg === 'model call failed')
  assert.deepEqual(
    about.map(({ session, turn, trace_id }) => [session, turn, trace_id]),
    [[session.id, turnId, traceId]],
  )
})
