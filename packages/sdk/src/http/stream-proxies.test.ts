import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { beforeAll } from '../../../../apps/server/test/hooks.ts'
import { type FrontAnswer, startFront } from '../../test/front.ts'
import { all, calls, isOfType, says, slow, startClient, until } from '../../test/session.ts'
import { clientTool, createOutlast, type Event, type OutlastError } from '../index.ts'

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
