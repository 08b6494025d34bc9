import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isTooSlow, withSyncLimit } from './sync-limit.ts'

/** Takes time, and no processor. */
const stall = (ms: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)

test('work that got no processor time runs again', () => {
  let runs = 0
  const result = withSyncLimit(() => {
    runs += 1
    if (runs < 3) stall(20_000)
    return 'done'
  })
  assert.equal(result, 'done')
  assert.ok(runs >= 3, String(runs))
})

test('work that never ends is stopped, and its errors are passed on', () => {
  assert.throws(() => {
    withSyncLimit(() => {
      for (;;) Math.random()
    })
  }, isTooSlow)
  assert.throws(() => {
    withSyncLimit(() => {
      throw new RangeError('No.')
    })
  }, RangeError)
})
