/** Calendar periods of budgets in time zones, also while the clocks of a zone change. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Budget } from '@outlast/contract'
import { expectStatus } from '../../../../test/access.ts'
import {
  addBudget,
  assertSettled,
  budgetState,
  changeBudget,
  ledgerKindsOf,
  moveClock,
  periodOf,
  timeIn,
  zoneFarFromMidnight,
} from '../../../../test/budgets.ts'
import { createTestDatabase, queryRows } from '../../../../test/database.ts'
import { startServer } from '../../../../test/server.ts'
import { converse, createSession, scripted } from '../../../../test/session.ts'

/** A message whose reply reports these tokens. */
const costing = (input_tokens: number) =>
  scripted({ text: 'Done.', usage: { input_tokens, output_tokens: 0 } } as never)

for (const [unit, length, isStart] of [
  ['day', '2 days', /^\w+ 00:00:00$/],
  ['week', '8 days', /^Monday 00:00:00$/],
] as const) {
  test(`a calendar ${unit} of a time zone is charged, and the next one begins with the whole limit`, async (t) => {
    const server = await startServer(t)
    const session = await createSession(server)
    const timeZone = zoneFarFromMidnight()
    const body = {
      subject_type: 'session',
      subject_id: session.id,
      currency: 'tokens',
      limit: 1_000,
      period: { type: 'calendar', unit, time_zone: timeZone },
    }
    const { id } = expectStatus(await server.call('POST', '/v1/budgets', body), 201) as Budget
    const assertPeriod = async () => {
      const { start, end, contains } = await periodOf(server, id)
      assert.ok(contains)
      for (const bound of [start, end]) assert.match(timeIn(timeZone, bound), isStart)
    }
    await converse(t, server, session.id, costing(900))
    await assertPeriod()
    await moveClock(server, id, length)
    await converse(t, server, session.id, costing(700))
    await assertPeriod()
    assert.deepEqual(await ledgerKindsOf(server, id), [
      ['settle', 900],
      ['period', -900],
      ['settle', 700],
    ])
    await assertSettled(server, id)
  })
}

/** A zone where it is half past midnight, for the first time: at one the clocks go back an hour. */
function zoneOfRepeatedMidnight(): string {
  const now = new Date()
  const second = now.getUTCHours() * 3_600 + now.getUTCMinutes() * 60 + now.getUTCSeconds()
  // West of Greenwich, so that the local date is the one of UTC.
  const west = second - 1_800
  const day = Math.floor((now.getTime() - Date.UTC(now.getUTCFullYear(), 0)) / 86_400_000)
  const offset = (seconds: number) => {
    const size = Math.abs(seconds)
    const parts = [Math.floor(size / 3_600), Math.floor(size / 60) % 60, size % 60]
    return `${seconds < 0 ? '-' : ''}${parts.join(':')}`
  }
  return `<S>${offset(west + 3_600)}<D>${offset(west)},${(day + 180) % 365}/0,${day}/1`
}

test('a period that begins in a repeated hour contains its calls, which use shards', async (t) => {
  const server = await startServer(t)
  const time_zone = zoneOfRepeatedMidnight()
  const session = await createSession(server)
  for (const [unit, length] of [
    ['hour', '1 day'],
    ['day', '2 days'],
  ] as const) {
    const limit = 100_000_000
    const id = await addBudget(server, {
      limit,
      subject: ['session', session.id],
      period: { type: 'calendar', unit, time_zone },
    })
    await converse(t, server, session.id, costing(600))
    const first = await periodOf(server, id)
    assert.ok(first.contains, unit)
    await converse(t, server, session.id, costing(300))
    assert.deepEqual(await periodOf(server, id), first)
    const [shards] = await queryRows<{ used: number }>(
      server.databaseUrl,
      'select sum(used)::int as used from budget_shards where budget_id = $1',
      [id],
    )
    assert.ok(shards!.used > 0, unit)
    await moveClock(server, id, length)
    await converse(t, server, session.id, costing(200))
    assert.ok((await periodOf(server, id)).contains, unit)
    assert.deepEqual(await ledgerKindsOf(server, id), [
      ['settle', 600],
      ['settle', 300],
      ['period', -900],
      ['settle', 200],
    ])
    assert.equal((await budgetState(server, id)).left, limit - 200)
    await changeBudget(server, id, `status = 'disabled'`)
  }
})

test('calendar periods contain every moment around a change of the clocks', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const outside = await queryRows(
    databaseUrl,
    `select zone, unit, moment, p.started_at, p.ends_at
    from (values
        ('America/Havana', '2026-03-08'), ('America/Havana', '2026-11-01'),
        ('Europe/Berlin', '2026-03-29'), ('Europe/Berlin', '2026-10-25'),
        ('Australia/Lord_Howe', '2026-04-05'), ('Australia/Lord_Howe', '2026-10-04'),
        ('Africa/Cairo', '2026-04-24'), ('Africa/Cairo', '2026-10-30')
      ) c(zone, day)
      cross join unnest(array['hour', 'day', 'week', 'month', 'year']) unit
      cross join generate_series(day::timestamptz - interval '1 day', day::timestamptz + interval '1 day', interval '10 minutes') moment
      cross join budget_period(json_build_object('type', 'calendar', 'unit', unit, 'time_zone', zone), moment) p
    where p.started_at > moment or p.ends_at <= moment or p.started_at is null or p.ends_at is null`,
  )
  assert.deepEqual(outside, [])
})

test('calendar periods end at the boundary of the time zone', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  for (const [unit, zone, moment, start, end] of [
    // 25, 23 and 169 hours.
    ['day', 'Europe/Kyiv', '2026-10-25T12:00Z', '2026-10-24T21:00Z', '2026-10-25T22:00Z'],
    ['day', 'Europe/Kyiv', '2026-03-29T12:00Z', '2026-03-28T22:00Z', '2026-03-29T21:00Z'],
    ['week', 'Europe/Kyiv', '2026-10-25T12:00Z', '2026-10-18T21:00Z', '2026-10-25T22:00Z'],
    // In the first of two equal hours, and in the second one.
    ['hour', 'Europe/Berlin', '2026-10-25T00:30Z', '2026-10-25T00:30Z', '2026-10-25T02:00Z'],
    ['hour', 'Europe/Berlin', '2026-10-25T01:30Z', '2026-10-25T01:00Z', '2026-10-25T02:00Z'],
    ['day', 'America/Havana', '2026-11-01T04:30Z', '2026-11-01T04:30Z', '2026-11-02T05:00Z'],
    ['day', 'America/Havana', '2026-11-01T05:30Z', '2026-11-01T05:00Z', '2026-11-02T05:00Z'],
    ['month', 'America/Havana', '2026-11-01T04:30Z', '2026-11-01T04:30Z', '2026-12-01T05:00Z'],
  ] as const) {
    const [row] = await queryRows<{ started_at: Date; ends_at: Date }>(
      databaseUrl,
      `select * from budget_period(json_build_object('type', 'calendar', 'unit', $1::text, 'time_zone', $2::text), $3)`,
      [unit, zone, moment],
    )
    const bounds = [row!.started_at, row!.ends_at].map((at) => at.toISOString())
    const wanted = [start, end].map((at) => new Date(at).toISOString())
    assert.deepEqual(bounds, wanted, `${unit} of ${zone} at ${moment}`)
  }
})
