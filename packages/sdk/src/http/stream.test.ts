import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { beforeAll } from '../../../../apps/server/test/hooks.ts'
import { type ModelCall, startModel } from '../../../../apps/server/test/remotes/written-model.ts'
import { type Network, startProxy } from '../../test/proxy.ts'
import { calls, isOfType, says, startClient, until } from '../../test/session.ts'
import { createOutlast, type Event, type SessionHandle, textOf } from '../index.ts'
import type { StreamOptions } from './stream.ts'

let client: Awaited<ReturnType<typeof startClient>>

beforeAll(async (t) => {
  client = await startClient(t as TestContext)
})

const storedOf = async ({ id }: SessionHandle) => (await client.outlast.events.list(id)).data

/** A session with a scripted model, directly and through a proxy. */
async function scene(t: TestContext) {
  const model = await startModel(t)
  const session = client.outlast.session(await model.session(client.server))
  const proxy = await startProxy(t, client.server.url)
  const through = createOutlast({ url: proxy.url }).session(session.id)
  return { model, session, proxy, through }
}

/** Reads a stream until its turn is over, and reports each event before the next one. */
async function read(
  session: SessionHandle,
  { onEvent = () => {}, ...options }: StreamOptions & { onEvent?: (event: Event) => unknown } = {},
) {
  const events: Event[] = []
  for await (const event of session.events(options)) {
    events.push(event)
    await onEvent(event)
    if (event.type === 'session.idled') break
  }
  return events
}

/**
 * Asserts that every stored event occurs once and in order, and that deltas form the whole text,
 * unless the message was over before the first one.
 */
function checkWhole(events: readonly Event[], stored: readonly Event[]) {
  assert.deepEqual(
    events.filter(({ sequence }) => sequence !== undefined),
    stored,
  )
  let text = ''
  for (const { type, data } of events) {
    if (type === 'output.message.started') text = ''
    if (type === 'output.message.delta') text += data.delta
    if (type !== 'output.message.completed') continue
    if (text !== '') assert.equal(text, textOf(data.message))
  }
}

/** Replies with one more word per connection, so that text arrives before and after each cut. */
async function sayOn(call: ModelCall, { proxy, times }: { proxy: Network; times: number }) {
  let seen = 0
  await proxy.until(() => {
    for (; seen < proxy.count(); seen++) call.say(`${seen} wörds 😀 `)
    return seen >= times
  })
}

test('reads every stored event once and in order, and all text, across twenty cuts', async (t) => {
  const { model, session, proxy, through } = await scene(t)
  const turn = session.send('Go on')
  const call = await model.call()
  let left = 20
  proxy.cutNextAfter(() => {
    left -= 1
    return left < 0 ? Number.POSITIVE_INFINITY : 250 + Math.floor(Math.random() * 2_000)
  })
  const hasText = Promise.withResolvers<void>()
  const reading = read(through, {
    onEvent: ({ type }) => type === 'output.message.delta' && hasText.resolve(),
  })
  // The bytes before a cut must arrive even after a long pause, in frames shorter than that.
  const talk = setInterval(() => call.say('.'), 20)
  // On a busy machine no text of the first twenty connections may arrive before their cut.
  await Promise.all([sayOn(call, { proxy, times: 21 }), hasText.promise]).finally(() =>
    clearInterval(talk),
  )
  call.end()
  const [events] = await Promise.all([reading, turn])
  checkWhole(events, await storedOf(session))
  assert.ok(events.some(({ type }) => type === 'output.message.delta'))
})

test('repeats no text after a cut behind a message that arrived inside another one', async (t) => {
  const { model, session, proxy, through } = await scene(t)
  const first = session.send('Go on')
  const call = await model.call()
  call.say('one ')
  const reading = read(through, {
    async onEvent(event) {
      if (event.type === 'output.message.delta' && event.data.delta === 'one ') {
        session.send('And?').catch(() => {})
      }
      if (event.type !== 'input.message' || event.sequence! < 4) return
      proxy.cutAll()
      call.say('two ')
      call.end()
      model.call(2).then((next) => {
        next.say('three')
        next.end()
      })
    },
  })
  const [events] = await Promise.all([reading, first])
  checkWhole(events, await storedOf(session))
  const deltas = events.filter(({ type }) => type === 'output.message.delta')
  assert.ok(deltas.length >= 2)
  assert.ok(proxy.count() >= 2)
})

for (const [when, jumpMs] of [
  ['', 0],
  ['; the clock was set back meanwhile', -3_600_000],
] as const) {
  test(`replaces a silent connection${when}`, async (t) => {
    const { model, session, proxy, through } = await scene(t)
    const turn = session.send('Go on')
    const call = await model.call()
    call.say('one ')
    const codes: (string | undefined)[] = []
    let isStalled = false
    const reading = read(through, {
      silenceMs: 1_000,
      onConnection: ({ isOpen, error }) => !isOpen && codes.push(error?.code),
      onEvent({ type }) {
        if (type !== 'output.message.delta' || isStalled) return
        isStalled = true
        proxy.stallAll()
        const now = Date.now
        t.mock.method(Date, 'now', () => now() + jumpMs)
        call.say('two')
        call.end()
      },
    })
    await turn
    const events = await reading
    checkWhole(events, await storedOf(session))
    // A slow machine can be silent for as long, also while a connection opens.
    assert.deepEqual(new Set(codes), new Set(['timeout']))
  })
}

test('reconnects soon after the machine wakes from sleep', async (t) => {
  const { model, session, proxy, through } = await scene(t)
  const turn = session.send('Go on')
  const call = await model.call()
  call.say('one ')
  let isAsleep = false
  const reading = read(through, {
    silenceMs: 2_000,
    onEvent({ type }) {
      if (type !== 'output.message.delta' || isAsleep) return
      isAsleep = true
      proxy.stallAll()
      const now = Date.now
      t.mock.method(Date, 'now', () => now() + 3_600_000)
      call.end()
    },
  })
  await turn
  checkWhole(await reading, await storedOf(session))
})

test('continues after a planned close without an error', async (t) => {
  const cycling = await startClient(t, { SSE_CYCLE_MS: '150' })
  const model = await startModel(t)
  const session = cycling.outlast.session(await model.session(cycling.server))
  const turn = session.send('Go on')
  const call = await model.call()
  const states: object[] = []
  const onConnection = (state: object) => {
    states.push(state)
    call.say('more ')
    if (states.length === 8) call.end()
  }
  const events = await read(session, { onConnection, retriesMax: 0 })
  await turn
  checkWhole(events, (await cycling.outlast.events.list(session.id)).data)
  assert.ok(states.every((state) => !('error' in state)))
})

/** A `fetch` that reports each part of a stream, and how long the latest stream was silent. */
function hearing(heard: (part: string) => unknown) {
  let heardAt = Number.NEGATIVE_INFINITY
  const hearingFetch: typeof fetch = async (input, init) => {
    const response = await fetch(input, init)
    if (!response.headers.get('content-type')?.startsWith('text/event-stream')) return response
    heardAt = Number.NEGATIVE_INFINITY
    const report = new TransformStream<Uint8Array, Uint8Array>({
      transform(part, controller) {
        heardAt = performance.now()
        heard(new TextDecoder().decode(part))
        controller.enqueue(part)
      },
    })
    return new Response(response.body!.pipeThrough(report), response)
  }
  return { fetch: hearingFetch, silentMs: () => performance.now() - heardAt }
}

test('keeps a silent stream open by heartbeats, and yields only events', async (t) => {
  const silenceMs = 400
  const quiet = await startClient(t, { SSE_HEARTBEAT_MS: '50' })
  const model = await startModel(t)
  const { id } = await model.session(quiet.server)
  const turn = quiet.outlast.session(id).send('Go on')
  const call = await model.call()
  let heartbeats = 0
  const isKept = Promise.withResolvers<void>()
  const stream = hearing((part) => {
    heartbeats += part.match(/^: heartbeat/gm)?.length ?? 0
    // Heartbeats for longer than the silence that replaces a connection.
    if (heartbeats > 20) isKept.resolve()
  })
  const silences: number[] = []
  const { url } = quiet.server
  const reading = read(createOutlast({ url, fetch: stream.fetch }).session(id), {
    silenceMs,
    onConnection: ({ isOpen }) => !isOpen && silences.push(stream.silentMs()),
  })
  await isKept.promise
  call.say('late')
  call.end()
  await turn
  assert.ok((await reading).length > 5)
  // Only a pause of this machine replaces a connection. The wall clock has whole milliseconds.
  for (const silentMs of silences) assert.ok(silentMs > silenceMs - 1, `${silentMs} ms`)
})

test('gives up after retriesMax consecutive failures', async (t) => {
  const { proxy, session } = await scene(t)
  const { events } = createOutlast({ url: proxy.url }).session(session.id)
  proxy.refuse(true)
  const errors: unknown[] = []
  const onConnection = ({ error }: { error?: unknown }) => errors.push(error)
  const next = events({ retriesMax: 2, onConnection })[Symbol.asyncIterator]().next()
  await assert.rejects(next, { code: 'connection_failed' })
  assert.equal(errors.length, 2)
})

test('ends the stream with an error for an unknown or deleted session', async () => {
  const unknown = client.outlast.session(`session_${'0'.repeat(32)}`)
  await assert.rejects(
    until(unknown.events(), () => true),
    { code: 'not_found', status: 404 },
  )
  const session = await client.start()
  const following = until(session.events(), isOfType('session.idled'))
  await client.outlast.sessions.delete(session.id)
  await assert.rejects(following, { code: 'not_found' })
})

test('sends types, exclude and the start to the server, also after reconnects', async (t) => {
  const { proxy, session } = await scene(t)
  const other = await client.start()
  await other.send(says(calls('nobody_has_it'), { text: 'end' }))
  const stored = await storedOf(other)
  const through = createOutlast({ url: proxy.url }).session(other.id)
  const types = ['turn.started', 'tool.completed', 'session.idled'] as const
  const events = await read(through, { types, onEvent: () => proxy.cutAll() })
  assert.deepEqual(
    events.map(({ type }) => type),
    types,
  )
  const late = await read(through, { after_sequence: stored.at(-4)!.sequence! })
  assert.deepEqual(late, stored.slice(-3))
  const later = await read(through, { since_id: stored.at(-3)!.id, exclude: ['turn.completed'] })
  assert.deepEqual(later, stored.slice(-1))
  assert.equal(session.id.startsWith('session_'), true)
})
