import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isConflict, isNewer, rebase } from './draft-state.ts'

const origin = { name: 'Porter', tags: ['a'], prompt: 'Open.' }

test('a rebased draft keeps changed fields and takes the stored value of all others', () => {
  const draft = { ...origin, name: 'Doorkeeper' }
  const stored = { ...origin, name: 'Guard', tags: ['a', 'b'] }
  assert.deepEqual(rebase(draft, origin, stored), { ...stored, name: 'Doorkeeper' })
  assert.deepEqual(rebase(origin, origin, stored), stored)
  assert.deepEqual(rebase(draft, origin, origin), draft)
})

test('compares lists by content', () => {
  assert.deepEqual(rebase({ tags: ['a'] }, { tags: ['a'] }, { tags: ['b'] }), { tags: ['b'] })
})

test('reports a conflict when both sides changed to different values', () => {
  const mine = { ...origin, name: 'Doorkeeper' }
  const theirs = { ...origin, prompt: 'Close.' }
  assert.equal(isConflict(mine, origin, theirs), true)
  assert.equal(isConflict(origin, origin, theirs), false)
  assert.equal(isConflict(mine, origin, origin), false)
  assert.equal(isConflict(mine, origin, { ...mine }), false)
})

test('an older version does not replace a newer one', () => {
  const [older, newer] = [{ updated_at: '2026-01-01' }, { updated_at: '2026-01-02' }]
  assert.equal(isNewer(newer, older), true)
  assert.equal(isNewer(older, newer), false)
  assert.equal(isNewer({ ...older }, older), true)
  assert.equal(isNewer(older, older), false)
  assert.equal(isNewer(undefined, older), false)
})
