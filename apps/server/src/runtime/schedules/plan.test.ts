import assert from 'node:assert/strict'
import { test } from 'node:test'
import { planDue } from './plan.ts'

const minute = (n: number) => new Date(Date.UTC(2026, 0, 1, 0, n)).toISOString()
const second = (n: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, n)).toISOString()

/**
 * Plans a schedule that is due every minute from midnight. `looking_since`: when polling started.
 */
const plan = (fields: Partial<Parameters<typeof planDue>[0]>, open = 0) =>
  planDue(
    {
      cron_expression: '* * * * *',
      timezone: 'UTC',
      catch_up_missed: false,
      max_catch_up: null,
      max_concurrent: null,
      next_trigger_at: minute(0),
      now: second(2),
      looking_since: fields.now ?? second(2),
      ...fields,
    },
    open,
  )

const range = (from: number, to: number, of = minute) =>
  Array.from({ length: to - from + 1 }, (_, n) => of(from + n))

test('runs a due time and sets the next one', () => {
  assert.deepEqual(plan({}), { runs: [minute(0)], skipped: [], next: minute(1) })
})

test('runs all times that are at most a minute late', () => {
  const everySecond = { cron_expression: '* * * * * *', next_trigger_at: second(0) }
  const { runs, skipped, next } = plan({ ...everySecond, now: second(7) })
  assert.deepEqual([runs, skipped, next], [range(0, 7, second), [], second(8)])
  assert.deepEqual(plan({ now: minute(1) }).runs, [minute(0), minute(1)])
})

test('runs times that waited for their batch while nodes were polling, however long', () => {
  const waited = plan({ now: minute(15), looking_since: minute(0) })
  assert.deepEqual([waited.runs, waited.skipped, waited.next], [range(0, 15), [], minute(16)])
  const began = plan({ now: minute(15), looking_since: minute(5) })
  assert.deepEqual([began.runs, began.skipped.length], [range(4, 15), 4])
})

test('runs every time of a backlog in parts and drops none', () => {
  const everySecond = { cron_expression: '* * * * * *', looking_since: second(0), now: second(900) }
  const runs: string[] = []
  for (let due: string | null = second(0); due !== null && due <= everySecond.now; ) {
    const part = plan({ ...everySecond, next_trigger_at: due })
    assert.deepEqual(part.skipped, [])
    runs.push(...part.runs)
    due = part.next
  }
  assert.deepEqual(runs, range(0, 900, second))
})

test('runs more than 20 late times in parts', () => {
  const everySecond = { cron_expression: '* * * * * *', next_trigger_at: second(0) }
  const { runs, next } = plan({ ...everySecond, now: second(50) })
  assert.deepEqual([runs, next], [range(0, 19, second), second(20)])
})

test('skips missed times without catch-up', () => {
  const { runs, skipped, next } = plan({ now: minute(30) })
  assert.deepEqual(runs, [minute(29), minute(30)])
  assert.deepEqual(
    skipped.map(({ scheduledAt }) => scheduledAt),
    range(0, 28),
  )
  assert.match(skipped[0]!.why, /missed/)
  assert.equal(next, minute(31))
})

test('catch-up runs the newest missed times, up to the limit, and skips the rest', () => {
  const { runs, skipped } = plan({ now: minute(30), catch_up_missed: true, max_catch_up: 5 })
  assert.deepEqual(runs, range(24, 30))
  assert.deepEqual(
    skipped.map(({ scheduledAt }) => scheduledAt),
    range(0, 23),
  )
  const all = plan({ now: minute(15), catch_up_missed: true })
  assert.deepEqual([all.runs, all.skipped], [range(0, 15), []])
  assert.deepEqual(
    plan({ now: minute(30), catch_up_missed: true, max_catch_up: 0 }).runs,
    range(29, 30),
  )
})

test('records only the newest of many missed times, for every limit', () => {
  const week = 7 * 24 * 60
  const { runs, skipped, next } = plan({ now: minute(week), catch_up_missed: true })
  assert.equal(skipped.length, 100)
  assert.deepEqual(runs, range(week - 101, week - 82))
  assert.equal(next, minute(week - 81))
  const lost = plan({ now: minute(week) })
  assert.deepEqual([lost.runs, lost.skipped.length], [range(week - 1, week), 100])
})

test('skips a time that comes while the limit of executions is reached', () => {
  const { runs, skipped, next } = plan({ max_concurrent: 2 }, 2)
  assert.deepEqual([runs, skipped.length, next], [[], 1, minute(1)])
  assert.match(skipped[0]!.why, /limit of 2 concurrent/)
  const both = plan({ now: minute(1), max_concurrent: 2 }, 1)
  assert.deepEqual(
    [both.runs, both.skipped.map(({ scheduledAt }) => scheduledAt)],
    [[minute(0)], [minute(1)]],
  )
})

test('limits a schedule to 100 open executions by default', () => {
  assert.equal(plan({}, 99).runs.length, 1)
  assert.deepEqual([plan({}, 100).runs, plan({}, 100).skipped.length], [[], 1])
})

test('a schedule is not due after its last time', () => {
  const last = { cron_expression: '0 0 0 1 1 * 2026' }
  assert.deepEqual(plan(last), { runs: [minute(0)], skipped: [], next: null })
})
