import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Session } from '@outlast/sdk'
import { asTree } from './tree.ts'

const session = (id: string, source?: string) =>
  ({ id, forked_from: source ? { session_id: source, sequence: 1 } : null }) as Session

const shown = (...sessions: Session[]) =>
  asTree(sessions).map(({ session: { id }, depth }) => `${'>'.repeat(depth)}${id}`)

test('forks come below their source, and forks of forks below these', () => {
  const list = [session('c', 'b'), session('x'), session('b', 'a'), session('d', 'a'), session('a')]
  assert.deepEqual(shown(...list), ['x', 'a', '>b', '>>c', '>d'])
})

test('a fork whose source is not on the page keeps its place', () => {
  assert.deepEqual(shown(session('b', 'gone'), session('a')), ['b', 'a'])
  assert.deepEqual(shown(session('a', 'a')), ['a'])
})
