import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OutlastError } from '@outlast/sdk'
import { backoff, isKeyExpired, isRefusal, isTemporary } from './outbox-rules.ts'

const failure = (status: number, code = 'some_code') => new OutlastError(code, 'No.', { status })

for (const [name, error, temporary, refusal] of [
  ['a connection that broke', failure(0), true, false],
  ['a sign-in that is over', failure(401), true, true],
  ['a rate limit', failure(429), true, true],
  ['a server that is starting', failure(503), true, false],
  ['the same key under way', failure(409, 'idempotency_in_progress'), true, true],
  ['another user in this browser', failure(403, 'user_mismatch'), true, true],
  ['a session that is gone', failure(404, 'not_found'), false, true],
  ['an invalid message', failure(422, 'validation_failed'), false, true],
  ['an error of the server', failure(500, 'internal_error'), false, false],
  ['a page of a proxy', failure(404, 'not_outlast'), true, false],
  ['the size limit of a proxy', failure(413, 'not_outlast'), false, false],
  ['a failure of this page', new TypeError('No.'), true, false],
] as const) {
  test(`${name} is ${temporary ? '' : 'not '}worth another attempt`, () => {
    assert.deepEqual([isTemporary(error), isRefusal(error)], [temporary, refusal])
  })
}

test('a key expires an hour before the server forgets it, or when the clock was wrong', () => {
  const ageOf = (ms: number) => isKeyExpired({ keyedAt: Date.now() - ms })
  const hour = 3_600_000
  assert.deepEqual([0, 22.9 * hour, 23.1 * hour].map(ageOf), [false, false, true])
  assert.deepEqual([-60_000, -hour].map(ageOf), [false, true])
})

test('attempts are further and further apart, up to a limit', () => {
  const within = (failures: number, most: number) => {
    const ms = backoff(failures)
    assert.ok(ms >= most / 2 && ms <= most, `${ms} after ${failures}`)
  }
  within(0, 250)
  within(3, 2_000)
  within(50, 8_000)
})
