import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addConfirmed, outboxState } from './outbox-state.ts'
import type { OutboxEntry } from './outbox-store.ts'

test('a confirmed message is dropped after a minute, also if its page was closed', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const entry: OutboxEntry = {
    id: 1,
    userId: 'user_1',
    orgId: null,
    key: 'key',
    keyedAt: 0,
    session: null,
    sessionId: 'session_1',
    body: { message: { content: [{ type: 'text', text: 'Hello' }] } },
    state: 'waiting',
    problem: null,
  }
  addConfirmed(entry)
  assert.deepEqual(outboxState().confirmed, [entry])
  t.mock.timers.tick(60_000)
  assert.deepEqual(outboxState().confirmed, [])
})
