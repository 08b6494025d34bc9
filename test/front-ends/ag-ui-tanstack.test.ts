/** TanStack AI on AG-UI, behind a proxy that cuts its connections in every event. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { ChatClient, fetchServerSentEvents } from '@tanstack/ai-client'
import { beforeAll } from '../../apps/server/test/hooks.ts'
import { startModel } from '../../apps/server/test/remotes/written-model.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { createAgent, scripted } from '../../apps/server/test/session.ts'
import { eventually } from '../../apps/server/test/waiting.ts'
import { type Cuts, startCuttingProxy } from './cutting-proxy.ts'
import { loggedMessages, shown } from './tanstack.ts'

let server: Awaited<ReturnType<typeof startServer>>
let agentId: string

beforeAll(async (t) => {
  server = await startServer(t)
  agentId = (await createAgent(server, { capabilities: [{ ref: 'test_math' }] })).id
})

const script = scripted(
  {
    thinking: 'Hm.',
    text: 'I add. é🐟',
    tool_calls: [{ name: 'add', arguments: { a: 1, b: 2 } }],
  },
  { text: 'Three.' },
)

const addressOf = (url: string) => `${url}/v1/ag-ui/agents/${agentId}`

type Cut = { cuts?: Cuts; message?: string }

async function chat(
  t: TestContext,
  threadId: string,
  { cuts = () => undefined, message }: Cut = {},
) {
  const url = await startCuttingProxy(t, { target: server.url, cuts })
  const errors: Error[] = []
  const connection = fetchServerSentEvents(addressOf(url), { reconnect: { delayMs: 0 } })
  const client = new ChatClient({ threadId, connection, onError: (error) => errors.push(error) })
  await client.sendMessage(message ?? script)
  return { client, errors }
}

const logged = (threadId: string) => loggedMessages(addressOf(server.url), threadId)

test('a chat without cuts has the messages of the log', async (t) => {
  const { client, errors } = await chat(t, 'whole')
  assert.deepEqual(errors, [])
  assert.deepEqual(shown(client.getMessages()), await logged('whole'))
})

/** Bytes of a response before its first event is whole, with some more for its head. */
const firstEventBytes = 700

test('a client resumes after every event of a run', async () => {
  const body = {
    threadId: 'ids',
    runId: 'ids',
    messages: [{ id: 'm', role: 'user', content: script }],
  }
  const run = await fetch(addressOf(server.url), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  await run.text()
  const join = async (headers: Record<string, string> = {}) =>
    (await fetch(`${addressOf(server.url)}?offset=-1&runId=ids`, { headers })).text()
  const frames = (await join()).split('\n\n').slice(0, -1)
  assert.ok(frames.length > 15)
  for (const [index, frame] of frames.slice(0, -1).entries()) {
    const id = /^id: (.*)$/m.exec(frame)![1]!
    const rest = (await join({ 'last-event-id': id })).split('\n\n').slice(0, -1)
    assert.deepEqual(rest, frames.slice(index + 1), id)
  }
})

/** The events of frames; content of a part in one piece. */
function eventsIn(frames: readonly string[]) {
  const events: { type: string; delta?: string }[] = []
  for (const frame of frames) {
    const event = JSON.parse(/^data: (.*)$/m.exec(frame)![1]!)
    const last = events.at(-1)
    if (last?.delta !== undefined && last.type === event.type) last.delta += event.delta
    else events.push(event)
  }
  return events
}

test('a client resumes at every event that it received while the run was written', async () => {
  const add = { name: 'add', arguments: { a: 1, b: 2 } }
  const steps = [
    { thinking: 'Let me think.', text: 'It takes a while.', tool_calls: [add] },
    { tool_calls: [add] },
  ]
  const slow = [...steps, { text: 'Done.' }].map((step) => ({ ...step, tokens_per_second: 100 }))
  const body = {
    threadId: 'live ids',
    runId: 'live ids',
    messages: [{ id: 'm', role: 'user', content: scripted(...slow) }],
  }
  const run = await fetch(addressOf(server.url), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const frames = (await run.text()).split('\n\n').slice(0, -1)
  for (const [index, frame] of frames.slice(0, -1).entries()) {
    const headers = { 'last-event-id': /^id: (.*)$/m.exec(frame)![1]! }
    const rest = await fetch(`${addressOf(server.url)}?offset=-1&runId=live%20ids`, { headers })
    const received = (await rest.text()).split('\n\n').slice(0, -1)
    const expected = eventsIn(frames.slice(index + 1))
    assert.deepEqual(eventsIn(received), expected, headers['last-event-id'])
  }
})

/** Shorter than the shortest event. */
const cutStep = 53

test('a run that is cut in every event is resumed without a gap or a repetition', async (t) => {
  const runId = 'joined'
  const body = { threadId: 'joined', runId, messages: [{ id: 'm', role: 'user', content: script }] }
  const run = await fetch(addressOf(server.url), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const bytes = Buffer.byteLength(await run.text())
  let first: number | undefined
  const url = await startCuttingProxy(t, {
    target: server.url,
    cuts: () => {
      const cut = first
      first = undefined
      return cut
    },
  })
  const { joinRun } = fetchServerSentEvents(addressOf(url), { reconnect: { delayMs: 0 } })
  const joined = async (cut?: number) => {
    first = cut
    const chunks: object[] = []
    for await (const chunk of joinRun(runId)) chunks.push(chunk)
    return chunks as { type: string }[]
  }
  const whole = await joined()
  assert.equal(whole.at(-1)!.type, 'RUN_FINISHED')
  for (let cut = firstEventBytes; cut < bytes + firstEventBytes; cut += cutStep) {
    const chunks = await joined(cut)
    // The end is sent once more if the cut is between it and the end of the response.
    assert.deepEqual(chunks.slice(0, whole.length), whole, `cut after ${cut} bytes`)
    assert.ok(chunks.slice(whole.length).every(({ type }) => type === 'RUN_FINISHED'))
  }
})

/** From the head of a response with its longest event, over the length of most events. */
const everyBytes = Array.from({ length: 12 }, (_, index) => 900 + index * 17)

test('a chat behind a proxy that cuts after every n bytes has the messages of the log', async (t) => {
  const runs = everyBytes.map(async (bytes) => {
    let responses = 0
    const cuts = () => {
      responses += 1
      return bytes
    }
    const threadId = `every ${bytes}`
    const { client, errors } = await chat(t, threadId, { cuts })
    assert.deepEqual(errors, [], threadId)
    assert.deepEqual(shown(client.getMessages()), await logged(threadId), threadId)
    return responses
  })
  const responses = await Promise.all(runs)
  t.diagnostic(`responses: ${responses.join(' ')}`)
  assert.ok(responses.every((count) => count > 4))
})

test('a chat that is cut again and again while it streams has the messages of the log', async (t) => {
  let seed = 20_261_127
  const random = () => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31
    return seed / 2 ** 31
  }
  const slow = scripted(
    {
      thinking: 'Let me think about that for a while. '.repeat(3),
      text: 'I add both of them now. '.repeat(5),
      tool_calls: [{ name: 'add', arguments: { a: 1, b: 2 } }],
      tokens_per_second: 150,
    },
    { text: 'It is three. é🐟 '.repeat(8), tokens_per_second: 150 },
  )
  for (let round = 1; round <= 4; round += 1) {
    const threadId = `random ${round}`
    const cuts = () => 900 + Math.floor(random() * 1_500)
    const { client, errors } = await chat(t, threadId, { cuts, message: slow })
    assert.deepEqual(errors, [])
    assert.deepEqual(shown(client.getMessages()), await logged(threadId), `round ${round}`)
  }
})

test('a page that is loaded again in the middle of a run joins it', async (t) => {
  const model = await startModel(t)
  const { agent_id } = await model.session(server)
  const address = `${server.url}/v1/ag-ui/agents/${agent_id}`
  const connection = fetchServerSentEvents(address)
  const client = new ChatClient({ threadId: 'reloaded', connection })
  const sent = client.sendMessage('Write.')
  const call = await model.call()
  call.say('It takes a while ')
  await eventually(async () => client.getMessages().some(({ role }) => role === 'assistant'))
  client.stop()
  await sent
  const { messages, activeRun } = await connection.hydrate!('reloaded')
  assert.deepEqual(
    messages.map(({ role }) => role),
    ['user'],
  )
  const chunks: { type: string; delta?: string }[] = []
  for await (const chunk of connection.joinRun(activeRun!.runId)) {
    chunks.push(chunk as never)
    if (chunks.length > 1) continue
    call.say('to write.')
    call.end()
  }
  const text = chunks.map(({ type, delta }) => (type === 'TEXT_MESSAGE_CONTENT' ? delta : ''))
  const log = await loggedMessages(address, 'reloaded')
  assert.deepEqual(log.at(-1), ['assistant', ['text', text.join('')]])
  assert.equal(chunks.at(-1)!.type, 'RUN_FINISHED')
})
