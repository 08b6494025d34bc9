import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Page, Session } from '@outlast/sdk'
import { mayBelong } from './belongs.ts'

const session = (more: object = {}) =>
  ({
    agent_id: 'a',
    status: 'idle',
    tags: ['urgent'],
    created_at: '2026-01-02',
    waiting_for: null,
    last_turn: null,
    ...more,
  }) as Session
const page = (...created: string[]) =>
  ({ data: created.map((created_at) => session({ created_at })) }) as Page<Session>

test('a session newer than the first page may belong to it', () => {
  assert.equal(mayBelong(session(), {}, page('2026-01-01')), true)
  assert.equal(mayBelong(session(), {}, page()), true)
  assert.equal(mayBelong(session(), {}, page('2026-01-03')), false)
  assert.equal(mayBelong(session(), {}, undefined), false)
})

test('an updated older session may match a filter', () => {
  for (const filter of [{ status: 'idle' as const }, { tag: 'urgent' }, { q: 'rome' }]) {
    assert.equal(mayBelong(session(), filter, page('2026-01-03')), true)
  }
})

test('a session that the filter excludes does not belong', () => {
  const first = page('2026-01-01')
  const states = [{ status: 'active' as const }, { outcome: 'failed' as const }, { waiting: true }]
  for (const filter of [{ agent_id: 'b' }, ...states, { tag: 'other' }]) {
    assert.equal(mayBelong(session(), filter, first), false)
  }
})
