import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createWanted } from './wanted.ts'

test('events of a session are wanted for 60 s after the last question', () => {
  let now = 0
  const wanted = createWanted(() => now)
  wanted.add('session_1')
  wanted.add('session_2')
  now = 40_000
  wanted.add('session_1')
  now = 59_999
  assert.deepEqual([wanted.has('session_1'), wanted.has('session_2')], [true, true])
  now = 60_000
  assert.deepEqual([wanted.has('session_1'), wanted.has('session_2')], [true, false])
  wanted.add('session_3')
  now = 100_000
  assert.equal(wanted.has('session_1'), false)
  assert.equal(wanted.has('session_3'), true)
  assert.equal(wanted.has('session_4'), false)
})
