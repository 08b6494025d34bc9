import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { type ToolContext, ToolError } from './capability.ts'
import { currentTime } from './current-time.ts'

beforeEach((t) => {
  if ('mock' in t) t.mock.timers.enable({ apis: ['Date'], now: Date.parse('2026-03-03T15:12:05Z') })
})

const context = {} as ToolContext
const ask = (input: object, config: object = {}) =>
  currentTime.tools({ ...config })[0]!.run({ ...input }, context)

test('returns the time in UTC by default', () => {
  assert.deepEqual(ask({}), {
    datetime: '2026-03-03T15:12:05Z',
    format: 'iso8601',
    timezone: 'UTC',
  })
})

test('returns the time in the zone of the call, with its offset', () => {
  const cases = {
    'Europe/Kyiv': '2026-03-03T17:12:05+02:00',
    'Asia/Kathmandu': '2026-03-03T20:57:05+05:45',
    'America/New_York': '2026-03-03T10:12:05-05:00',
    'Pacific/Kiritimati': '2026-03-04T05:12:05+14:00',
  }
  for (const [timezone, datetime] of Object.entries(cases)) {
    assert.deepEqual(ask({ timezone }), { datetime, format: 'iso8601', timezone })
  }
})

test('applies daylight saving time', (t) => {
  t.mock.timers.setTime(Date.parse('2026-07-01T00:00:00Z'))
  assert.equal(
    (ask({ timezone: 'Europe/Kyiv' }) as { datetime: string }).datetime,
    '2026-07-01T03:00:00+03:00',
  )
})

test('config sets the default zone', () => {
  const config = { timezone: 'Asia/Tokyo' }
  assert.deepEqual(ask({}, config), {
    datetime: '2026-03-04T00:12:05+09:00',
    format: 'iso8601',
    timezone: 'Asia/Tokyo',
  })
  assert.equal((ask({ timezone: 'UTC' }, config) as { timezone: string }).timezone, 'UTC')
})

test('unix is a number of seconds, human a sentence', () => {
  assert.deepEqual(ask({ format: 'unix' }), {
    format: 'unix',
    timestamp: 1772550725,
    timezone: 'UTC',
  })
  assert.deepEqual(ask({ format: 'human', timezone: 'Europe/Paris' }), {
    datetime: 'Tuesday, 3 March 2026 at 16:12:05 CET',
    format: 'human',
    timezone: 'Europe/Paris',
  })
})

test('an error names the unknown zone', () => {
  assert.throws(
    () => ask({ timezone: 'Mars/Olympus' }),
    (error) =>
      error instanceof ToolError && /Unknown time zone: Mars\/Olympus\./.test(error.message),
  )
})
