import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Event } from '@outlast/contract'
import { addBudget } from '../../../../apps/server/test/budgets.ts'
import { beforeAll } from '../../../../apps/server/test/hooks.ts'
import { startServer } from '../../../../apps/server/test/server.ts'
import { startProxy as startHttpProxy } from '../../test/http-proxy.ts'
import { startProxy } from '../../test/proxy.ts'
import { calls, says, slow, starter, words } from '../../test/session.ts'
import { keep, when } from '../../test/store.ts'
import { createOutlast, type Outlast } from '../client/outlast.ts'
import type { OutlastError } from '../http/error.ts'
import { clientTool } from '../turns/client-tool.ts'
import type { SessionSnapshot } from './session-snapshot.ts'
import { createSessionStore } from './session-store.ts'

let server: Awaited<ReturnType<typeof startServer>>
let outlast: Outlast
let start: ReturnType<typeof starter>

beforeAll(async (t) => {
  server = await startServer(t)
  outlast = createOutlast({ url: server.url })
  start = starter(outlast)
})

test('the first message creates a session without a key, and is shown before it is stored', async (t) => {
  const { id } = await outlast.agents.create({ name: 'Ada', system_prompt: 'x' })
  const store = keep(t, createSessionStore({ outlast, agentId: id }))
  assert.deepEqual([store.getSnapshot().status, store.getSnapshot().sessionId], ['idle', undefined])
  const sending = store.send(says({ text: 'Good morning' }))
  const [pending] = store.getSnapshot().items
  assert.ok(pending?.kind === 'user_message' && pending.isPending)
  assert.equal(store.getSnapshot().status, 'running')
  const message = await sending
  const { items } = await when(
    t,
    store,
    ({ status, items }) => status === 'idle' && items.length > 1,
  )
  assert.equal(items[0]!.key, message.id)
  assert.equal('isPending' in items[0]!, false)
  assert.equal((items[1] as { text: string }).text, 'Good morning')
})

test('snapshots and unchanged items stay the same objects', async (t) => {
  const session = await start()
  const store = keep(t, createSessionStore({ outlast, sessionId: session.id }))
  await when(t, store, ({ status }) => status === 'idle')
  await store.send(says({ text: 'One' }))
  const first = await when(t, store, ({ status }) => status === 'idle')
  assert.equal(store.getSnapshot(), first)
  await store.send(says({ text: 'Two' }))
  const second = await when(
    t,
    store,
    ({ status, items }) => status === 'idle' && items.length === 4,
  )
  assert.notEqual(second, first)
  assert.deepEqual(
    first.items.map((item, at) => item === second.items[at]),
    [true, true],
  )
  assert.equal(second.waiting, first.waiting)
  assert.equal(store.getServerSnapshot(), store.getServerSnapshot())
})

test('messages sent without a connection are pending, and arrive once and in order', async (t) => {
  const network = await startProxy(t, server.url)
  const session = await start()
  const remote = createOutlast({ url: network.url })
  const store = keep(t, createSessionStore({ outlast: remote, sessionId: session.id }))
  await when(t, store, ({ status }) => status === 'idle')
  network.refuse(true)
  network.cutAll()
  await when(t, store, ({ connection }) => connection === 'lost')
  const sent = ['One', 'Two', 'Three'].map((text) => store.send(text))
  const isPending = ({ items }: SessionSnapshot) => items.filter((item) => 'isPending' in item)
  assert.equal(isPending(store.getSnapshot()).length, 3)
  network.refuse(false)
  await Promise.all(sent)
  const { items } = await when(
    t,
    store,
    (snapshot) => snapshot.status === 'idle' && isPending(snapshot).length === 0,
  )
  const texts = items.flatMap((item) => (item.kind === 'user_message' ? [item.text] : []))
  assert.deepEqual(texts, ['One', 'Two', 'Three'])
  assert.equal(store.getSnapshot().connection, 'open')
})

test('a message that the server refuses is not pending, and its promise rejects', async (t) => {
  const session = await start()
  const store = keep(t, createSessionStore({ outlast, sessionId: session.id }))
  await when(t, store, ({ status }) => status === 'idle')
  const tags = ['x'.repeat(10_000)]
  await assert.rejects(store.send('Hello', { tags }), { status: 400 })
  assert.deepEqual([store.getSnapshot().items, store.getSnapshot().status], [[], 'idle'])
  await store.send(says({ text: 'Still here' }))
  await when(t, store, ({ items, status }) => status === 'idle' && items.length === 2)
})

test('a message that a quota refuses is sent again, and the page sees the reason', async (t) => {
  let isRefused = false
  const full = { status: 429, body: '{"error":"Too many turns.","code":"too_many_turns"}' }
  const proxy = await startHttpProxy(t, server.url, ({ method }) =>
    method === 'POST' && isRefused ? full : 'pass',
  )
  const { id } = await start()
  const remote = createOutlast({ url: proxy.url })
  const store = keep(t, createSessionStore({ outlast: remote, sessionId: id }))
  await when(t, store, isIdle)
  isRefused = true
  const connections = new Set<string>()
  t.after(store.subscribe(() => connections.add(store.getSnapshot().connection)))
  const sending = store.send(says({ text: 'At last' }))
  const refused = await when(t, store, ({ error }) => error !== undefined)
  assert.equal((refused.error as OutlastError).code, 'too_many_turns')
  assert.equal(refused.status, 'running')
  isRefused = false
  await sending
  const { items, error } = await when(t, store, (now) => isIdle(now) && now.items.length === 2)
  assert.deepEqual([items.length, error, [...connections]], [2, undefined, ['open']])
})

test('a stream that a limit refuses is opened again, and the page sees the reason', async (t) => {
  let isRefused = true
  const full = { status: 429, body: '{"error":"Too many.","code":"too_many_streams"}' }
  const proxy = await startHttpProxy(t, server.url, ({ path }) =>
    path.includes('/sse') && isRefused ? full : 'pass',
  )
  const { id } = await start()
  const remote = createOutlast({ url: proxy.url })
  const store = keep(t, createSessionStore({ outlast: remote, sessionId: id }))
  const refused = await when(t, store, ({ error }) => error !== undefined)
  assert.equal((refused.error as OutlastError).code, 'too_many_streams')
  assert.deepEqual([refused.connection, refused.status], ['open', 'idle'])
  isRefused = false
  await when(t, store, ({ error }) => error === undefined)
})

test('a token function that fails once loses neither the session nor a message', async (t) => {
  let isOffline = true
  const apiKey = async () => {
    if (!isOffline) return ''
    isOffline = false
    throw new TypeError('Failed to fetch')
  }
  const { id } = await start()
  const remote = createOutlast({ url: server.url, apiKey })
  const store = keep(t, createSessionStore({ outlast: remote, sessionId: id }))
  await when(t, store, isIdle)
  isOffline = true
  await store.send(says({ text: 'Still here' }))
  await when(t, store, (now) => isIdle(now) && now.items.length === 2)
  isOffline = true
  const once = createOutlast({ url: server.url, apiKey, retriesMax: 0 })
  await assert.rejects(once.agents.get('agent_x'), { code: 'connection_failed' })
})

test('an error of a listener is printed, and ends neither the stream nor the process', async (t) => {
  const session = await start()
  const printed = t.mock.method(console, 'error', () => {})
  const store = keep(t, createSessionStore({ outlast, sessionId: session.id }))
  const mistake = new Error('a mistake')
  store.onEvent(() => {
    throw mistake
  })
  await when(t, store, isIdle)
  await store.send(says({ text: 'Still here' }))
  await when(t, store, (now) => isIdle(now) && now.items.length === 2)
  assert.equal(printed.mock.calls[0]?.arguments[0], mistake)
})

test('listeners receive each new event once, also those that change no item', async (t) => {
  const session = await start()
  const change = (name: string) => outlast.files.create(session.id, name, { content: name })
  await change('/before.txt')
  const store = createSessionStore({ outlast, sessionId: session.id })
  const received: Event[] = []
  store.onEvent((event) => received.push(event))
  const untilChanged = () =>
    new Promise<void>((resolve) => {
      const stop = store.onEvent(({ type }) => {
        if (type !== 'files.changed') return
        stop()
        resolve()
      })
    })
  let leave = store.subscribe(() => {})
  await store.send(slow)
  const isBegun = ({ items }: SessionSnapshot) =>
    items.some((item) => item.kind === 'agent_message' && item.text.includes('word3'))
  await when(t, store, isBegun)
  await Promise.all([untilChanged(), change('/during.txt')])
  leave()
  await new Promise((resolve) => setTimeout(resolve))
  leave = store.subscribe(() => {})
  t.after(leave)
  await when(t, store, isBegun)
  const { items } = await when(t, store, isIdle)
  assert.equal((items[1] as { text: string }).text, words)
  await Promise.all([untilChanged(), change('/after.txt')])
  const stored = received.flatMap(({ sequence }) => sequence ?? [])
  assert.deepEqual(stored, [...new Set(stored)])
  const paths = received.filter(({ type }) => type === 'files.changed').map(({ data }) => data)
  assert.match(JSON.stringify(paths), /^(?!.*before).*during.*after/)
})

test('a session that the server refused is created when the cause is gone', async () => {
  const { id: agentId } = await outlast.agents.create({ name: 'Ada', system_prompt: 'x' })
  for (const key of [undefined, 'a']) {
    await outlast.agents.update(agentId, { status: 'archived' })
    const store = createSessionStore({ outlast, agentId, key })
    await assert.rejects(store.send('Hello'), { code: 'agent_archived' })
    await outlast.agents.update(agentId, { status: 'active' })
    const { session_id } = await store.send(says({ text: 'Good morning' }))
    assert.equal(store.getSnapshot().sessionId, session_id)
  }
})

test('a subscriber that is replaced at once keeps the stream, and the last one closes it', async (t) => {
  const network = await startProxy(t, server.url)
  const session = await start()
  let streams = 0
  const counting: typeof fetch = (input, init) => {
    if (String(input).includes('/sse')) streams += 1
    return fetch(input, init)
  }
  const remote = createOutlast({ url: network.url, fetch: counting })
  const store = createSessionStore({ outlast: remote, sessionId: session.id })
  const leave = store.subscribe(() => {})
  leave()
  const stay = keep(t, store)
  await when(t, stay, ({ status }) => status === 'idle')
  await store.send(slow)
  await when(t, store, ({ items }) => items.length === 2)
  assert.equal(streams, 1)
})

test('a key names one session, also for two stores at the same time', async (t) => {
  const { id: agentId } = await outlast.agents.create({ name: 'Ada', system_prompt: 'x' })
  const stores = [1, 2].map(() => keep(t, createSessionStore({ outlast, agentId, key: 'a' })))
  const [one, two] = await Promise.all(stores.map((each) => when(t, each, isIdle)))
  assert.equal(one!.sessionId, two!.sessionId)
  await stores[0]!.send(says({ text: 'Seen by both' }))
  await when(t, stores[1]!, ({ status, items }) => status === 'idle' && items.length === 2)
})

const isIdle = ({ status }: SessionSnapshot) => status === 'idle'

test('a store runs its tools and leaves others to a person or another program', async (t) => {
  let runs = 0
  const tool = clientTool({
    name: 'open_door',
    description: 'Opens a door.',
    parameters: { type: 'object', properties: {} },
    run: () => {
      runs += 1
      return { open: true }
    },
  })
  const other = { ...tool.definition, name: 'pick_date' }
  const session = await start({}, { tools: [tool.definition, other] })
  const store = keep(t, createSessionStore({ outlast, sessionId: session.id }))
  await when(t, store, isIdle)
  await store.send(says(calls('open_door', {}, 'a'), calls('pick_date', {}, 'b'), { text: 'Done' }))
  const { waiting } = await when(t, store, ({ status }) => status === 'waiting')
  assert.deepEqual(
    waiting.tools.map(({ name }) => name),
    ['open_door'],
  )
  // A tool that is added later runs the call that waits.
  t.after(store.addTools(() => [tool]))
  const next = await when(t, store, (now) => now.waiting.tools.some(({ id }) => id === 'b'))
  assert.equal(next.status, 'waiting')
  await store.submitToolResult('b', { result: 'Monday' })
  await when(t, store, isIdle)
  assert.equal(runs, 1)
})

test('a tool that runs while the last subscriber leaves and returns runs once', async (t) => {
  const { promise: opened, resolve: open } = Promise.withResolvers<void>()
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
  let runs = 0
  const tool = clientTool({
    name: 'open_door',
    description: 'Opens a door.',
    parameters: { type: 'object', properties: {} },
    run: async () => {
      runs += 1
      begin()
      await opened
      return { run: runs }
    },
  })
  const session = await start({}, { tools: [tool.definition] })
  const store = createSessionStore({ outlast, sessionId: session.id, tools: [tool] })
  const leave = store.subscribe(() => {})
  await store.send(says(calls('open_door', {}, 'a'), { text: 'Done' }))
  await begun
  leave()
  await new Promise((resolve) => setTimeout(resolve))
  keep(t, store)
  open()
  const { items } = await when(t, store, (now) => isIdle(now) && now.items.length === 4)
  assert.equal(runs, 1)
  assert.match(JSON.stringify(items), /\{\\"run\\":1\}/)
})

test('only the last events are loaded at first, and earlier ones on demand', async (t) => {
  const imported = Array.from({ length: 90 }, (_, n) => [
    { role: 'user' as const, content: [{ type: 'text' as const, text: `Question ${n}` }] },
    { role: 'agent' as const, content: [{ type: 'text' as const, text: `Reply ${n}` }] },
  ]).flat()
  const session = await start({ messages: imported })
  const store = createSessionStore({ outlast, sessionId: session.id, pageSize: 50 })
  keep(t, store)
  const first = await when(t, store, isIdle)
  assert.deepEqual([first.items.length, first.hasEarlier], [50, true])
  assert.equal((first.items[0] as { text: string }).text, 'Question 65')
  await Promise.all([store.loadEarlier(), store.loadEarlier()])
  const second = store.getSnapshot()
  assert.equal(second.items.length, 100)
  assert.deepEqual(second.items.slice(-50), first.items)
  assert.ok(first.items.every((item, at) => item === second.items[at + 50]))
  while (store.getSnapshot().hasEarlier) await store.loadEarlier()
  assert.equal(store.getSnapshot().items.length, 180)
  assert.equal((store.getSnapshot().items[0] as { text: string }).text, 'Question 0')
})

test('a turn that waits is loaded whole, also if messages came after its first events', async (t) => {
  const tools = [{ type: 'client_side' as const, name: 'pick_date', description: 'Picks a date.' }]
  const session = await start({}, { tools })
  const first = keep(t, createSessionStore({ outlast, sessionId: session.id }))
  await first.send(says(calls('pick_date', {}, 'a'), { text: 'Done' }))
  await when(t, first, ({ status }) => status === 'waiting')
  for (const text of ['One', 'Two']) await first.send(text, { on_busy: 'queue' })
  const second = createSessionStore({ outlast, sessionId: session.id, pageSize: 5 })
  const { status, waiting } = await when(t, keep(t, second), (now) => now.items.length > 0)
  assert.deepEqual([status, waiting.tools.map(({ id }) => id)], ['waiting', ['a']])
})

test('a turn that was cancelled before it began has nothing more to load', async (t) => {
  const api = await startServer(t, { env: { ROLE: 'api' } })
  const remote = createOutlast({ url: api.url })
  const note = { role: 'user' as const, content: [{ type: 'text' as const, text: 'Note' }] }
  const { id } = await starter(remote)({ messages: Array.from({ length: 20 }, () => note) })
  await remote.messages.create(id, { message: note })
  await remote.sessions.cancelTurn(id)
  await startServer(t, { databaseUrl: api.databaseUrl })
  const store = keep(t, createSessionStore({ outlast: remote, sessionId: id, pageSize: 5 }))
  const { hasEarlier } = await when(
    t,
    store,
    ({ items, status }) => status === 'idle' && items.length > 0,
  )
  assert.equal(hasEarlier, true)
  const { data } = await remote.events.list(id)
  assert.deepEqual(
    data
      .filter(({ type }) => type === 'session.activated' || type === 'turn.cancelled')
      .map(({ type }) => type),
    ['turn.cancelled'],
  )
})

test('a listener that asks for earlier events at each change receives all of them', async (t) => {
  const imported = Array.from({ length: 40 }, (_, n) => ({
    role: 'user' as const,
    content: [{ type: 'text' as const, text: `Note ${n}` }],
  }))
  const session = await start({ messages: imported })
  const store = createSessionStore({ outlast, sessionId: session.id, pageSize: 10 })
  keep(t, store)
  t.after(store.subscribe(() => void store.loadEarlier()))
  const whole = await when(t, store, ({ items }) => items.length === 40)
  assert.equal((whole.items[0] as { text: string }).text, 'Note 0')
})

test('a turn that its budget fails does not wait', async (t) => {
  const session = await start()
  const subject: [string, string] = ['session', session.id]
  await addBudget(server, { limit: 1, subject, on_exhausted: 'fail' })
  const store = createSessionStore({ outlast, sessionId: session.id })
  const seen = new Set<string>()
  t.after(store.subscribe(() => void seen.add(store.getSnapshot().status)))
  await when(t, store, ({ status }) => status === 'idle')
  await store.send('Hello')
  await when(t, store, ({ status }) => status === 'error')
  assert.ok(!seen.has('waiting'), [...seen].join())
})

test('an action without a session is refused', async () => {
  const store = createSessionStore({ outlast, agentId: 'agent_x' })
  await assert.rejects(store.cancel(), { code: 'not_found' })
})
