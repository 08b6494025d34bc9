import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createQuestions, createWanted } from './wanted.ts'

test('events of a session are wanted for 5 minutes after the last question', () => {
  let now = 0
  const wanted = createWanted(() => now)
  wanted.add('session_1')
  wanted.add('session_2')
  now = 200_000
  wanted.add('session_1')
  now = 299_999
  assert.deepEqual([wanted.has('session_1'), wanted.has('session_2')], [true, true])
  now = 300_000
  assert.deepEqual([wanted.has('session_1'), wanted.has('session_2')], [true, false])
  wanted.add('session_3')
  now = 500_000
  assert.equal(wanted.has('session_1'), false)
  assert.equal(wanted.has('session_3'), true)
  assert.equal(wanted.has('session_4'), false)
})

test('asks for events at most every 5 s, and at once for a session that was forgotten', () => {
  let now = 0
  const asked: string[] = []
  const questions = createQuestions(
    (session) => asked.push(session),
    () => now,
  )
  const askAt = (time: number) => {
    now = time
    questions.ask('session_1')
    return asked.length
  }
  assert.deepEqual([0, 4_999, 5_000, 9_999].map(askAt), [1, 1, 2, 2])
  questions.forget('session_1')
  assert.equal(askAt(9_999), 3)
})
