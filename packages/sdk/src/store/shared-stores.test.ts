import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll } from '../../../../apps/server/test/hooks.ts'
import { startProxy } from '../../test/proxy.ts'
import { says, startClient } from '../../test/session.ts'
import { keep, when } from '../../test/store.ts'
import type { OutlastError } from '../http/error.ts'
import { createOutlast } from '../index.ts'
import type { SessionSnapshot } from './session-snapshot.ts'
import { sharedSessionStore } from './shared-stores.ts'

let client: Awaited<ReturnType<typeof startClient>>

beforeAll(async (t) => {
  client = await startClient(t)
})

test('a session that views named by its id is not the new session of its agent', async (t) => {
  const { outlast } = client
  const { id: agentId } = await outlast.agents.create({ name: 'Ada', system_prompt: 'x' })
  const first = keep(t, sharedSessionStore({ outlast, agentId }))
  await first.send(says({ text: 'Good morning' }))
  const { sessionId } = await when(t, first, ({ status }) => status === 'idle')
  assert.equal(sharedSessionStore({ outlast, agentId }), first)
  assert.equal(sharedSessionStore({ outlast, agentId, sessionId }), first)
  const second = sharedSessionStore({ outlast, agentId })
  assert.equal(second.getSnapshot().sessionId, undefined)
  assert.deepEqual(second.getSnapshot().items, [])
  assert.equal(sharedSessionStore({ outlast, agentId }), second)
  assert.equal(sharedSessionStore({ outlast, sessionId }), first)
})

test('a view that comes while a message still creates a session has another one', async (t) => {
  const network = await startProxy(t, client.server.url)
  const outlast = createOutlast({ url: network.url })
  const { id: agentId } = await outlast.agents.create({ name: 'Ada', system_prompt: 'x' })
  network.refuse(true)
  network.cutAll()
  const first = sharedSessionStore({ outlast, agentId })
  const leave = first.subscribe(() => {})
  const sent = first.send(says({ text: 'Good morning' }))
  assert.equal(sharedSessionStore({ outlast, agentId }), first)
  leave()
  const second = sharedSessionStore({ outlast, agentId })
  assert.deepEqual(second.getSnapshot().items, [])
  network.refuse(false)
  const messages = [await sent, await second.send('Another chat')]
  assert.equal(new Set(messages.map(({ session_id }) => session_id)).size, 2)
})

test('a store that its last subscriber has left creates no session', async (t) => {
  const { id: agentId } = await client.outlast.agents.create({ name: 'Ada', system_prompt: 'x' })
  let asked = 0
  const remote = createOutlast({
    url: client.server.url,
    fetch: async () => {
      asked += 1
      throw new TypeError('fetch failed')
    },
  })
  const store = sharedSessionStore({ outlast: remote, agentId, key: 'left' })
  const leave = store.subscribe(() => {})
  await when(t, store, ({ connection }) => connection === 'lost')
  leave()
  const before = asked
  await sleep(1_500)
  assert.equal(asked, before)
})

test('the id of a session names that session, also after its view moved to another one', async (t) => {
  const { outlast, start } = client
  const { id: sessionId } = await start()
  const store = keep(t, sharedSessionStore({ outlast, sessionId }))
  await store.send(says({ text: 'First' }))
  const { items } = await when(t, store, (now) => now.status === 'idle' && now.items.length === 2)
  const { id } = items[0] as { id: string }
  const moved = await store.retake(id, says({ text: 'Second' }))
  assert.equal(sharedSessionStore({ outlast, sessionId: moved.id }), store)
  const original = keep(t, sharedSessionStore({ outlast, sessionId }))
  const loaded = await when(t, original, ({ status }) => status === 'idle')
  assert.deepEqual(loaded.items, items)
})

/** The store of a key, while another client can delete its session. */
async function storeOfKey() {
  const { outlast } = client
  const { id: agentId } = await outlast.agents.create({ name: 'Ada', system_prompt: 'x' })
  const store = sharedSessionStore({ outlast, agentId, key: 'chat' })
  const clear = async () => outlast.sessions.delete(store.getSnapshot().sessionId!)
  return { agentId, store, clear }
}

const isAnswered = ({ status, items }: SessionSnapshot) => status === 'idle' && items.length === 2
const isEmpty = ({ status, items }: SessionSnapshot) => status === 'idle' && items.length === 0

test('a key whose session is deleted finds or creates another one, each time', async (t) => {
  const { agentId, store, clear } = await storeOfKey()
  keep(t, store)
  for (const text of ['First', 'Second', 'Third']) {
    await store.send(says({ text }))
    const { sessionId } = await when(t, store, isAnswered)
    await clear()
    const next = await when(t, store, (now) => isEmpty(now) && now.sessionId !== sessionId)
    assert.equal(next.error, undefined)
    const found = await client.outlast.sessions.create({ agent_id: agentId, key: 'chat' })
    assert.equal(found.id, next.sessionId)
  }
})

test('a view that comes after the deletion has another session, and so has a message', async (t) => {
  const { store, clear } = await storeOfKey()
  const leave = store.subscribe(() => {})
  await store.send(says({ text: 'First' }))
  await when(t, store, isAnswered)
  leave()
  await new Promise((resolve) => setTimeout(resolve))
  await clear()
  await assert.rejects(store.send('Into the deleted session'), { code: 'not_found' })
  assert.deepEqual(store.getSnapshot().items, [])
  await store.send(says({ text: 'Second' }))
  await clear()
  keep(t, store)
  await when(t, store, isEmpty)
})

test('a store whose key has moved to a retake shows that session, and sends to it', async (t) => {
  const { store } = await storeOfKey()
  keep(t, store)
  const first = await store.send(says({ text: 'First' }))
  const { sessionId } = await when(t, store, isAnswered)
  const { session } = await client.outlast.sessions.retake(sessionId!, { message_id: first.id })
  await assert.rejects(store.send('Into the earlier session'), { code: 'changed_meanwhile' })
  const moved = await when(t, store, (now) => isAnswered(now) && now.sessionId === session.id)
  assert.equal(moved.error, undefined)
  await store.send(says({ text: 'Second' }))
  await when(t, store, ({ status, items }) => status === 'idle' && items.length === 4)
  const earlier = await client.outlast.messages.list(sessionId!)
  assert.equal(earlier.data.length, 2)
})

test('a session that cannot be created again is one error, until a message creates it', async (t) => {
  const { agentId, store, clear } = await storeOfKey()
  keep(t, store)
  await when(t, store, isEmpty)
  await client.outlast.agents.update(agentId, { status: 'archived' })
  await clear()
  const { error, items } = await when(t, store, ({ status }) => status === 'error')
  assert.equal((error as OutlastError).code, 'agent_archived')
  assert.deepEqual(items, [])
  await client.outlast.agents.update(agentId, { status: 'active' })
  await store.send(says({ text: 'Good morning' }))
  await when(t, store, isAnswered)
})
