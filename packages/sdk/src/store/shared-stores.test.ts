import assert from 'node:assert/strict'
import { test } from 'node:test'
import { beforeAll } from '../../../../apps/server/test/hooks.ts'
import { says, startClient } from '../../test/session.ts'
import { keep, when } from '../../test/store.ts'
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
