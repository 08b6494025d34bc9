import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inWords, nextTimes } from './cron.ts'

for (const [expression, words] of [
  ['* * * * *', 'Every minute'],
  ['*/15 * * * *', 'Every 15 minutes'],
  ['0 * * * *', 'Every hour at minute 0'],
  ['0 9 * * *', 'At 09:00 every day'],
  ['5 9,17 * * *', 'At 09:05, 17:05 every day'],
  ['0 9 * * MON-FRI', 'At 09:00 on Monday to Friday'],
  ['0 9 * * 1,5', 'At 09:00 on Monday, Friday'],
  ['0 9 * * 7', 'At 09:00 on Sunday'],
  ['0 9 * * MON#2', 'At 09:00 on the second Monday'],
  ['0 9 1 * *', 'At 09:00 on day 1'],
  ['0 9 L * *', 'At 09:00 on the last day'],
  ['0 9 15W * *', 'At 09:00 on the workday nearest to day 15'],
  ['0 9 1 JAN *', 'At 09:00 on day 1 in January'],
  ['0 9 1 * MON', 'At 09:00 on day 1 or on Monday'],
  ['0 9 1 * +MON', 'At 09:00 on day 1 and on Monday'],
  ['0 9 * 6-8 *', 'At 09:00 every day in June to August'],
  ['*/10 9-17 * * *', 'Every 10 minutes, from 09:00 to 17:59'],
  ['0 */2 * * *', 'At minute 0, every 2 hours'],
  ['* * * * * *', 'Every second'],
  ['*/30 * * * * *', 'Every 30 seconds'],
  ['15 0 9 * * *', 'At 09:00 and second 15 every day'],
  ['0 0 9 1 1 * 2030', 'At 09:00 on day 1 in January of 2030'],
] as const) {
  test(`describes ${expression} as "${words}"`, () => assert.equal(inWords(expression), words))
}

test('computes the next times in the time zone', () => {
  const times = nextTimes('0 9 1 1 *', 'Europe/Kyiv')
  assert.equal(times.length, 5)
  for (const time of times) assert.match(time.toISOString(), /-01-01T07:00:00.000Z$/)
})

for (const [expression, problem] of [
  ['* * *', / This one has 3\.$/],
  ['61 * * * *', /Invalid value for minute: 61/],
] as const) {
  test(`rejects ${expression}`, () => {
    assert.throws(() => nextTimes(expression, 'UTC'), { message: problem })
  })
}
