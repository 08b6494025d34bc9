import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readCron } from './cron.ts'

/** Returns the first `count` times of an expression after `from`. */
function timesOf(expression: string, timezone: string, from: string, count: number): string[] {
  const { after } = readCron(expression, timezone)
  const found: string[] = []
  for (let at: string | undefined = from; found.length < count; ) {
    at = after(at!)
    if (at === undefined) break
    found.push(at.replace(':00.000Z', ''))
  }
  return found
}

const cases: [what: string, expression: string, zone: string, from: string, times: string[]][] = [
  [
    'five fields',
    '30 9 * * *',
    'UTC',
    '2026-01-01T00:00:00Z',
    ['2026-01-01T09:30', '2026-01-02T09:30'],
  ],
  [
    'a zone',
    '0 9 * * *',
    'Asia/Kolkata',
    '2026-01-01T00:00:00Z',
    ['2026-01-01T03:30', '2026-01-02T03:30'],
  ],
  [
    'days by name',
    '0 9 * * MON-FRI',
    'UTC',
    '2026-01-02T12:00:00Z',
    ['2026-01-05T09:00', '2026-01-06T09:00'],
  ],
  [
    'months by name',
    '0 0 1 jan,Jul *',
    'UTC',
    '2026-01-02T12:00:00Z',
    ['2026-07-01T00:00', '2027-01-01T00:00'],
  ],
  [
    'Sunday is 0 and 7',
    '0 0 * * 7',
    'UTC',
    '2026-01-02T12:00:00Z',
    ['2026-01-04T00:00', '2026-01-11T00:00'],
  ],
  [
    'the last day of a month',
    '0 0 L * *',
    'UTC',
    '2026-01-01T00:00:00Z',
    ['2026-01-31T00:00', '2026-02-28T00:00'],
  ],
  [
    'the last Friday',
    '0 0 * * FRI#L',
    'UTC',
    '2026-01-01T00:00:00Z',
    ['2026-01-30T00:00', '2026-02-27T00:00'],
  ],
  [
    'the second Monday',
    '0 0 * * MON#2',
    'UTC',
    '2026-01-01T00:00:00Z',
    ['2026-01-12T00:00', '2026-02-09T00:00'],
  ],
  [
    '29 February',
    '0 0 29 2 *',
    'UTC',
    '2026-03-01T00:00:00Z',
    ['2028-02-29T00:00', '2032-02-29T00:00'],
  ],
  [
    'a day of the month or of the week',
    '0 0 13 * FRI',
    'UTC',
    '2026-01-07T00:00:00Z',
    ['2026-01-09T00:00', '2026-01-13T00:00'],
  ],
  [
    'a year, and then never again',
    '0 0 0 1 * * 2027',
    'UTC',
    '2027-10-15T00:00:00Z',
    ['2027-11-01T00:00', '2027-12-01T00:00'],
  ],
  [
    'a day of the month that is also one of the week',
    '0 0 1 * +MON',
    'UTC',
    '2026-01-02T00:00:00Z',
    ['2026-06-01T00:00', '2027-02-01T00:00'],
  ],
  [
    'the workday nearest to the 15th',
    '0 0 15W * *',
    'UTC',
    '2026-02-01T00:00:00Z',
    ['2026-02-16T00:00', '2026-03-16T00:00'],
  ],
  // Clocks go from 02:00 to 03:00 on 29 March 2026, and from 03:00 to 02:00 on 25 October.
  [
    'a fixed time in the gap comes after it',
    '30 2 * * *',
    'Europe/Berlin',
    '2026-03-28T12:00:00Z',
    ['2026-03-29T01:00', '2026-03-30T00:30'],
  ],
  [
    'fixed times in the gap come once',
    '15,45 2 * * *',
    'Europe/Berlin',
    '2026-03-28T12:00:00Z',
    ['2026-03-29T01:00', '2026-03-30T00:15'],
  ],
  [
    'steps skip the gap',
    '*/30 * * * *',
    'Europe/Berlin',
    '2026-03-29T00:10:00Z',
    ['2026-03-29T00:30', '2026-03-29T01:00'],
  ],
  [
    'a fixed time that exists twice comes once',
    '30 2 * * *',
    'Europe/Berlin',
    '2026-10-24T12:00:00Z',
    ['2026-10-25T00:30', '2026-10-26T01:30'],
  ],
  [
    'fixed times that exist twice come once each',
    '15,45 2 * * *',
    'Europe/Berlin',
    '2026-10-24T12:00:00Z',
    ['2026-10-25T00:15', '2026-10-25T00:45', '2026-10-26T01:15'],
  ],
  [
    'steps go on through the hour that is there twice',
    '*/30 * * * *',
    'Europe/Berlin',
    '2026-10-25T00:10:00Z',
    ['2026-10-25T00:30', '2026-10-25T01:00', '2026-10-25T01:30', '2026-10-25T02:00'],
  ],
  [
    'a gap of half an hour',
    '15 2 * * *',
    'Australia/Lord_Howe',
    '2026-10-03T00:00:00Z',
    ['2026-10-03T15:30', '2026-10-04T15:15'],
  ],
  [
    'a day without midnight',
    '0 0 * * *',
    'America/Sao_Paulo',
    '2018-11-03T12:00:00Z',
    ['2018-11-04T03:00', '2018-11-05T02:00'],
  ],
]

for (const [what, expression, zone, from, times] of cases) {
  test(`cron: ${what}`, () => {
    assert.deepEqual(timesOf(expression, zone, from, times.length), times)
  })
}

test('cron: has no times after its last year', () => {
  assert.deepEqual(timesOf('0 0 0 1 * * 2027', 'UTC', '2027-12-01T00:00:00Z', 1), [])
})

test('cron: the first of six fields is seconds', () => {
  const { after } = readCron('*/20 * * * * *', 'UTC')
  assert.equal(after('2026-01-01T00:00:00.000Z'), '2026-01-01T00:00:20.000Z')
  assert.equal(after('2026-01-01T00:00:59.999Z'), '2026-01-01T00:01:00.000Z')
})

test('cron: finds the same times backward as forward, also where clocks change', () => {
  const zones = ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe']
  const expressions = ['30 2 * * *', '*/20 * * * *', '15,45 1-3 * * *', '0 30 2 * * SUN']
  const days = ['2026-03-27', '2026-10-23', '2026-10-30', '2026-03-06', '2026-04-03', '2026-10-02']
  for (const zone of zones) {
    for (const expression of expressions) {
      for (const day of days) {
        const { after, before } = readCron(expression, zone)
        const from = `${day}T00:00:00.000Z`
        const end = new Date(Date.parse(from) + 4 * 86_400_000).toISOString()
        const forward: string[] = []
        for (let at = after(from); at && at < end; at = after(at)) forward.push(at)
        const back = before(end, 300).filter((time) => time > from)
        assert.deepEqual(back, forward, `${expression} ${zone} ${day}`)
      }
    }
  }
})
