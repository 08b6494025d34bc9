import assert from 'node:assert/strict'
import { test } from 'node:test'
import { agoOf, exactTimeOf, withLocalTimes } from './times.ts'

const now = Date.parse('2026-03-10T12:00:00Z')
const second = 1_000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

for (const [ms, words] of [
  [0, 'just now'],
  [-59 * second, 'just now'],
  [second, 'just now'],
  [2 * second, 'in a moment'],
  [-minute, '1 minute ago'],
  [-90 * second, '1 minute ago'],
  [-59 * minute, '59 minutes ago'],
  [-hour, '1 hour ago'],
  [3 * hour, 'in 3 hours'],
  [-day, 'yesterday'],
  [day, 'tomorrow'],
  [-40 * day, '40 days ago'],
] as const) {
  test(`formats a time ${ms} ms from now as "${words}"`, () => {
    assert.equal(agoOf(new Date(now + ms).toISOString(), now), words)
  })
}

test('converts times in a sentence to the local time zone', () => {
  const at = '2026-03-10T12:00:01.5Z'
  assert.match(exactTimeOf(at), /^\d+ Mar 2026, \d\d:\d\d:01$/)
  assert.equal(
    withLocalTimes(`Retries at ${at}, fails at ${at}.`),
    `Retries at ${exactTimeOf(at)}, fails at ${exactTimeOf(at)}.`,
  )
  assert.equal(withLocalTimes('Since 2026-03-10.'), 'Since 2026-03-10.')
})
