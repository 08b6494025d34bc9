import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Type } from 'typebox'
import { startServer } from '../../../test/server.ts'
import {
  converse,
  createAgent,
  createSession,
  eventsOf,
  post,
  replyOf,
  scripted,
  typesOf,
} from '../../../test/session.ts'
import { follow } from '../../../test/stream.ts'
import { defineCapability, defineTool } from '../../capabilities/capability.ts'
import { builtins } from '../../capabilities/index.ts'

const words = Array.from({ length: 2_000 }, (_, n) => `word${n}`).join(' ')
/** A reply that takes many minutes, also when a node that was late catches up. */
const slowWords = scripted({ text: words, tokens_per_second: 4 })

/** A slow tool, and one that never ends. */
const waiting = defineCapability({
  id: 'waiting',
  name: 'Waiting',
  description: 'Waits.',
  category: 'Testing',
  icon: 'clock',
  status: 'available',
  tools: () => [
    defineTool({
      name: 'wait',
      description: 'Waits.',
      replay: 'safe',
      input: Type.Object({ ms: Type.Number() }),
      run: async ({ ms }) => {
        await sleep(ms, undefined, { ref: false })
        return { waited: ms }
      },
    }),
  ],
})

async function start(t: TestContext) {
  const server = await startServer(t, { capabilities: [...builtins, waiting] })
  const agent = await createAgent(server, { capabilities: [{ ref: 'waiting' }] })
  const { id } = await createSession(server, { agent_id: agent.id })
  const cancel = (body?: unknown) => server.call('POST', `/v1/sessions/${id}/cancel`, body)
  const get = () => server.call('GET', `/v1/sessions/${id}`)
  return { server, id, cancel, get, stream: await follow(t, server.url, { sessionId: id }) }
}

test('a cancelled reply keeps its text, the session becomes idle, and the conversation continues', async (t) => {
  const { server, id, cancel, get, stream } = await start(t)
  await post(server, id, slowWords)
  await stream.event('output.message.delta', 3)
  const { status, body } = await cancel()
  assert.deepEqual(
    [status, body],
    [200, { status: 'cancelled', message: 'Turn cancelled successfully' }],
  )
  assert.equal((await get()).body.status, 'idle')
  await stream.event('session.idled')
  const stored = await eventsOf(server, id)
  assert.deepEqual(typesOf(stored).slice(-3), [
    'turn.cancelled',
    'output.message.completed',
    'session.idled',
  ])
  const cancelled = stored.find((event) => event.type === 'turn.cancelled')!
  const started = stored.find((event) => event.type === 'turn.started')!
  assert.equal(cancelled.data.turn_id, started.data.turn_id)
  assert.equal(cancelled.context.input_message_id, started.data.input_message_id)
  const kept = replyOf(stored)
  assert.ok(kept.length > 0 && kept.length < words.length && words.startsWith(kept))
  const streamed = stream.events
    .filter((event) => event.type === 'output.message.delta')
    .map(({ data }) => data.delta)
    .join('')
  assert.equal(streamed, kept)
  assert.equal(
    (await get()).body.output_preview,
    kept.length > 200 ? `${kept.slice(0, 200)}…` : kept,
  )
  assert.match(replyOf(await converse(t, server, id, 'hello')), /simulated/i)
})

test('cancelling keeps the results of tools that have ended', async (t) => {
  const { server, id, cancel, stream } = await start(t)
  const calls = [5, 60_000].map((ms) => ({ name: 'wait', arguments: { ms } }))
  await post(server, id, scripted({ tool_calls: calls }, { text: 'never' }))
  await stream.event('tool.completed')
  await cancel()
  await stream.event('session.idled')
  const stored = await eventsOf(server, id)
  const outcomes = stored.filter((event) => event.type === 'tool.completed')
  assert.deepEqual(
    outcomes.map(({ data }) => data.status),
    ['success', 'cancelled'],
  )
  assert.equal(typesOf(stored).at(-1), 'session.idled')
  assert.match(replyOf(await converse(t, server, id, 'still there?')), /simulated/i)
})

type Replay = 'safe' | 'unsafe' | 'until_changed'

/** A tool that never ends; with a file, it writes that first. */
const hanging = (name: string, replay: Replay, file?: string) =>
  defineTool({
    name,
    description: 'Never ends.',
    replay,
    input: Type.Object({}),
    async run(_, { files }) {
      if (file !== undefined) await files.write(file, name)
      await new Promise(() => {})
    },
  })

const hangs = defineCapability({
  id: 'hanging',
  name: 'Hanging',
  description: 'Never ends.',
  category: 'Testing',
  icon: 'clock',
  status: 'available',
  tools: () => [
    hanging('look', 'safe'),
    hanging('pay', 'unsafe'),
    hanging('print', 'unsafe', '/printed'),
    hanging('note', 'until_changed', '/noted'),
    hanging('idle', 'until_changed'),
    { ...hanging('refund', 'unsafe'), policy: 'requires_approval' as const },
  ],
})

test('cancelling reports which started calls may have had effects', async (t) => {
  const server = await startServer(t, { capabilities: [...builtins, hangs] })
  const agent = await createAgent(server, { capabilities: [{ ref: 'hanging' }] })
  const { id } = await createSession(server, { agent_id: agent.id })
  const stream = await follow(t, server.url, { sessionId: id })
  const unknown = 'The call was interrupted. It is unknown whether it had an effect.'
  const changed = 'The call was interrupted after it had changed files. Its result is lost.'
  const nothing = 'The turn was cancelled.'
  const expected = {
    look: nothing,
    pay: unknown,
    print: changed,
    note: changed,
    idle: nothing,
    refund: nothing,
  }
  const calls = Object.keys(expected).map((name) => ({ name, arguments: {} }))
  await post(server, id, scripted({ tool_calls: calls }))
  await stream.event('files.changed', 2)
  await server.call('POST', `/v1/sessions/${id}/cancel`)
  await stream.event('session.idled')
  const outcomes = (await eventsOf(server, id)).flatMap((event) =>
    event.type === 'tool.completed' ? [event.data] : [],
  )
  assert.deepEqual(
    Object.fromEntries(outcomes.map(({ tool_name, error }) => [tool_name, error])),
    expected,
  )
  assert.ok(outcomes.every(({ status }) => status === 'cancelled'))
})

test('cancel returns no_op without a running turn, accepts empty bodies, and returns 404 for unknown sessions', async (t) => {
  const { server, id, cancel, stream } = await start(t)
  const nothing = { status: 'no_op', message: 'No turn currently running' }
  for (const body of [undefined, {}, 'null']) assert.deepEqual((await cancel(body)).body, nothing)
  await post(server, id, slowWords)
  await stream.event('output.message.delta')
  const both = await Promise.all([cancel(), cancel()])
  assert.deepEqual(both.map(({ body }) => body.status).sort(), ['cancelled', 'no_op'])
  assert.deepEqual((await cancel()).body, nothing)
  const types = typesOf(await eventsOf(server, id))
  assert.equal(types.filter((type) => type === 'turn.cancelled').length, 1)
  assert.equal(types.filter((type) => type === 'session.idled').length, 1)
  const at = (session: string) => server.call('POST', `/v1/sessions/${session}/cancel`)
  assert.equal((await at(`session_${'2'.repeat(32)}`)).status, 404)
  assert.equal((await at('session_2')).status, 400)
})

test('cancelling a turn that is over leaves the next one running', async (t) => {
  const { server, id, cancel } = await start(t)
  const first = await converse(t, server, id, 'hello')
  const stream = await follow(t, server.url, { sessionId: id })
  await post(server, id, slowWords)
  await stream.event('output.message.delta')
  const over = first.find(({ type }) => type === 'turn.started')!.context.turn_id
  assert.equal((await cancel({ turn_id: over })).body.status, 'no_op')
  assert.equal((await cancel({ turn_id: 'a turn' })).status, 400)
  const running = stream.events.findLast(({ type }) => type === 'turn.started')!.context.turn_id
  assert.equal((await cancel({ turn_id: running })).body.status, 'cancelled')
})

test('answers a message sent right after a cancel', async (t) => {
  const { server, id, cancel, stream } = await start(t)
  await post(server, id, slowWords)
  await stream.event('output.message.delta')
  const [cancelled] = await Promise.all([
    cancel(),
    stream.event('turn.cancelled').then(() => post(server, id, 'what now?')),
  ])
  assert.equal(cancelled.body.status, 'cancelled')
  await stream.until(() =>
    stream.events.find(
      (event) =>
        event.type === 'output.message.completed' && /what now/.test(JSON.stringify(event.data)),
    ),
  )
})

test('a cancel before the first text stores no message', async (t) => {
  const { server, id, cancel, stream } = await start(t)
  await post(server, id, scripted({ delay_ms: 600_000, text: 'late' }))
  await stream.event('output.message.started')
  await cancel()
  await stream.event('session.idled')
  const types = typesOf(await eventsOf(server, id))
  assert.equal(types.includes('output.message.completed'), false)
})

test('deleting a session stops its running turn and deletes all rows', async (t) => {
  const { server, id, get, stream } = await start(t)
  await post(server, id, slowWords)
  await stream.event('output.message.delta')
  assert.equal((await server.call('DELETE', `/v1/sessions/${id}`)).status, 204)
  assert.equal((await get()).status, 404)
  await stream.ended
  const other = await createSession(server)
  assert.match(replyOf(await converse(t, server, other.id, 'hello')), /simulated/i)
})
