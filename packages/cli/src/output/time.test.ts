import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ago, duration, moment } from './time.ts'

const now = Date.parse('2026-03-01T12:00:00Z')
const at = (seconds: number) => new Date(now + seconds * 1000).toISOString()

test('formats relative times', () => {
  const told = [0, -1, -59, -180, -7_200, -86_400, -40 * 86_400, -800 * 86_400, 90].map((seconds) =>
    ago(at(seconds), now),
  )
  assert.deepEqual(told, [
    'now',
    '1 second ago',
    '59 seconds ago',
    '3 minutes ago',
    '2 hours ago',
    '1 day ago',
    '1 month ago',
    '2 years ago',
    'in 1 minute',
  ])
  assert.equal(moment(at(-60), now), '2026-03-01T11:59:00Z (1 minute ago)')
})

test('returns undefined for an invalid time', () => {
  for (const given of [undefined, null, '', 'soon']) assert.equal(ago(given, now), undefined)
})

test('formats durations in a fitting unit', () => {
  assert.deepEqual([12, 1_540, 125_000].map(duration), ['12 ms', '1.5 s', '2 min 5 s'])
})
