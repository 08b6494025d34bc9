import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { beforeAll } from '../../../../apps/server/test/hooks.ts'
import { type FrontAnswer, startFront } from '../../test/front.ts'
import { all, calls, isOfType, says, slow, startClient, until } from '../../test/session.ts'
import {
  type ChannelStreamOptions,
  clientTool,
  createOutlast,
  type Event,
  type OutlastError,
} from '../index.ts'

let client: Awaited<ReturnType<typeof startClient>>

beforeAll(async (t) => {
  client = await startClient(t as TestContext)
})

const page = '<html><body>We are improving our site.</body></html>'
const html = { 'content-type': 'text/html' }

/** A session after a turn, directly and through a reverse proxy. */
async function scene(t: TestContext, ...answers: FrontAnswer[]) {
  const front = await startFront(t, client.server.url)
  front.answers.push(...answers)
  const session = await client.start()
  await session.send('hello')
  const { data: stored } = await client.outlast.events.list(session.id)
  return { front, stored, session, through: createOutlast({ url: front.url }).session(session.id) }
}

async function readAll(events: AsyncIterable<Event>) {
  const seen: Event[] = []
  await until(events, (event) => {
    seen.push(event)
    return event.type === 'session.idled'
  })
  return seen
}

test('reconnects after temporary failures of the server or a proxy', async (t) => {
  const { front, stored, through } = await scene(
    t,
    {
      status: 429,
      headers: { 'retry-after': '0' },
      body: '{"error":"Slowly.","code":"rate_limited"}',
    },
    {
      status: 503,
      headers: { 'retry-after': '1' },
      body: '{"error":"Soon.","code":"shutting_down"}',
    },
    { status: 502, headers: html, body: page },
    { status: 520, headers: html, body: page },
  )
  const errors: (OutlastError | undefined)[] = []
  const onConnection = (state: { error?: OutlastError }) => errors.push(state.error)
  assert.deepEqual(await readAll(through.events({ onConnection })), stored)
  assert.deepEqual(
    errors.slice(0, 4).map((error) => [error?.status, error?.retryAfterMs]),
    [
      [429, 0],
      [503, 1_000],
      [502, undefined],
      [520, undefined],
    ],
  )
  assert.equal(front.requests(), 5)
})

test('rejects a foreign page at first, and reconnects after a working stream', async (t) => {
  const { front, stored, session, through } = await scene(t, {
    status: 200,
    headers: html,
    body: page,
  })
  await assert.rejects(all(through.events()), { code: 'not_outlast', status: 200 })
  front.answers.push(
    'pass',
    { status: 200, headers: html, body: page },
    { status: 404, headers: html, body: page },
  )
  const seen: Event[] = []
  const again = says({ text: 'again' })
  const second = isOfType('session.idled', 2)
  await until(through.events(), (event) => {
    seen.push(event)
    if (event.id !== stored.at(-1)!.id) return second(event)
    front.cut()
    session.send(again).catch(() => {})
    return second(event)
  })
  const { data } = await client.outlast.events.list(session.id)
  assert.deepEqual(
    seen.filter(({ sequence }) => sequence),
    data,
  )
  assert.equal(front.requests(), 5)
})

test('ends the stream with an error for data that is not an event', async (t) => {
  const body = 'event: turn.started\nid: x\ndata: {"half\n\n'
  const { through } = await scene(t, {
    status: 200,
    headers: { 'content-type': 'text/event-stream' },
    body,
  })
  await assert.rejects(all(through.events()), { code: 'not_outlast' })
})

test('reads streams through a proxy that compresses or delays', async (t) => {
  const { front, session } = await scene(t)
  for (const how of ['compress', 'hold'] as const) {
    front.answers.push(how)
    const reading = readAll(
      createOutlast({ url: front.url }).session(session.id).events({ after_sequence: 11 }),
    )
    await session.send(slow)
    front.release()
    const seen = await reading
    const from = seen[0]!.sequence!
    const { data } = await client.outlast.events.list(session.id, { after_sequence: from - 1 })
    const whole = seen.filter(({ sequence }) => sequence)
    assert.deepEqual(whole, data.slice(0, whole.length), how)
  }
})

test('reads stored events behind a proxy that buffers streams', async (t) => {
  const { front, session } = await scene(t)
  front.keepStreams()
  const through = createOutlast({ url: front.url }).session(session.id)
  const codes: (string | undefined)[] = []
  const onConnection = (state: { error?: OutlastError }) => codes.push(state.error?.code)
  const sent = session.send('again')
  const seen: Event[] = []
  const isSecond = isOfType('session.idled', 2)
  await until(through.events({ silenceMs: 100, onConnection }), (event) => {
    seen.push(event)
    return isSecond(event)
  })
  await sent
  assert.deepEqual(seen, (await client.outlast.events.list(session.id)).data)
  assert.ok(codes.includes('timeout'))
})

/** A session of a channel, a key of which sends requests through a reverse proxy. */
async function channelScene(t: TestContext) {
  const { id: agentId } = await client.outlast.agents.create({ name: 'Ada', system_prompt: 'x' })
  const { agentChannels } = client.outlast
  const { id } = await agentChannels.create(agentId, { channel_type: 'api' })
  await agentChannels.publish(agentId, id)
  const { secret: apiKey } = await agentChannels.createKey(agentId, id, { name: 'Shop' })
  const { channels } = createOutlast({ url: client.server.url, apiKey })
  const session = await channels.createSession(id)
  const front = await startFront(t, client.server.url)
  const through = createOutlast({ url: front.url, apiKey }).channels
  return {
    front,
    say: () => channels.sendMessage(id, session.id, text('hello')),
    stored: async () => (await channels.listEvents(id, session.id)).data,
    stream: (options: ChannelStreamOptions = {}) => through.stream(id, session.id, options),
  }
}

const text = (value: string) => ({
  message: { content: [{ type: 'text' as const, text: value }] },
})

test('reads stored events of a channel behind a proxy that buffers streams', async (t) => {
  const { front, say, stored, stream } = await channelScene(t)
  front.keepStreams()
  await say()
  const seen: Event[] = []
  await until(stream({ silenceMs: 100 }), (event) => {
    seen.push(event)
    return event.type === 'turn.completed'
  })
  assert.deepEqual(seen, await stored())
})

test('continues a stream of a channel whose server lost events, and yields each event once', async (t) => {
  const { front, say, stored, stream } = await channelScene(t)
  await say()
  await until(stream(), isOfType('turn.completed'))
  const all = await stored()
  const [first, second] = all
  const frame = (event: Event) => `id: ${event.id}\ndata: ${JSON.stringify(event)}\n\n`
  const resume = { since_id: first!.id, sequence: first!.sequence! }
  const changed = { code: 'history_changed', error: 'Events were lost.', resume }
  front.answers.push(
    {
      status: 200,
      headers: { 'content-type': 'text/event-stream' },
      body: [first!, second!, second!].map(frame).join(''),
    },
    {
      status: 409,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(changed),
    },
  )
  const seen: Event[] = []
  const resumed: unknown[] = []
  const onHistoryChanged = (to: unknown) => resumed.push([to, seen.length])
  await until(stream({ onHistoryChanged }), (event) => {
    seen.push(event)
    return event.type === 'turn.completed'
  })
  assert.deepEqual(resumed, [[resume, 2]])
  assert.deepEqual(
    seen.map(({ id }) => id),
    [first!, second!, ...all.slice(1)].map(({ id }) => id),
  )
})

test('sends an error to the model when a proxy refuses a long result', async (t) => {
  const { front } = await scene(t)
  const work = clientTool({
    name: 'work',
    description: 'Works.',
    parameters: { type: 'object' },
    run: () => {
      front.answers.push({ status: 413, headers: html, body: page })
      return 'long'
    },
  })
  const { id } = await client.start({ tools: [work.definition] })
  const session = createOutlast({ url: front.url }).session(id)
  const answer = await session.send(says(calls('work'), { text: 'end' }), { tools: [work] })
  assert.equal(answer.text, 'end')
  const { data } = await client.outlast.events.list(id, { types: ['tool.completed'] })
  assert.match((data[0] as Event<'tool.completed'>).data.error!, /too long/)
})

test('closes the connection on break, also while waiting for an event', async (t) => {
  const { session } = await scene(t)
  const openStreams = async () => {
    const text = await (await fetch(`${client.server.url}/metrics`)).text()
    return Number(/sse_clients(?:\{.*\})? (\d+)$/m.exec(text)?.[1] ?? Number.NaN)
  }
  const before = await openStreams()
  assert.ok(before >= 0)
  await until(session.events(), isOfType('session.idled'))
  const events = session.events()
  while ((await events.next()).value?.type !== 'session.idled');
  const next = events.next()
  assert.equal(await openStreams(), before + 1)
  await events.return!()
  assert.deepEqual(await next, { done: true, value: undefined })
  while ((await openStreams()) !== before);
})
