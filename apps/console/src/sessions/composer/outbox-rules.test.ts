import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OutlastError } from '@outlast/sdk'
import { backoff, isKeyExpired, isRefusal, isTemporary } from './outbox-rules.ts'

const failure = (status: number, code = 'some_code') => new OutlastError(code, 'No.', { status })

for (const [name, error, temporary, refusal] of [
  ['a lost connection', failure(0), true, false],
  ['an expired sign-in', failure(401), true, true],
  ['a rate limit', failure(429), true, true],
  ['a server that is starting', failure(503), true, false],
  ['a key in progress', failure(409, 'idempotency_in_progress'), true, true],
  ['another user in this browser', failure(403, 'user_mismatch'), true, true],
  ['a deleted session', failure(404, 'not_found'), false, true],
  ['an invalid message', failure(422, 'validation_failed'), false, true],
  ['a server error', failure(500, 'internal_error'), false, false],
  ['a proxy page', failure(404, 'not_outlast'), true, false],
  ['the size limit of a proxy', failure(413, 'not_outlast'), false, false],
  ['a client error', new TypeError('No.'), true, false],
] as const) {
  test(`${temporary ? 'retries' : 'does not retry'} after ${name}`, () => {
    assert.deepEqual([isTemporary(error), isRefusal(error)], [temporary, refusal])
  })
}

test('a key expires one hour before the server drops it, or after a clock jump', () => {
  const ageOf = (ms: number) => isKeyExpired({ keyedAt: Date.now() - ms })
  const hour = 3_600_000
  assert.deepEqual([0, 22.9 * hour, 23.1 * hour].map(ageOf), [false, false, true])
  assert.deepEqual([-60_000, -hour].map(ageOf), [false, true])
})

test('backoff grows up to a limit', () => {
  const within = (failures: number, most: number) => {
    const ms = backoff(failures)
    assert.ok(ms >= most / 2 && ms <= most, `${ms} after ${failures}`)
  }
  within(0, 250)
  within(3, 2_000)
  within(50, 8_000)
})
