import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createTestDatabase, openTestPool } from '../../../test/database.ts'
import { sweepExecutions } from './schedule-executions.ts'

const schedule = '01933b5a-0000-7000-8000-000000000001'

async function openWithSchedule(t: TestContext) {
  const url = await createTestDatabase(t)
  const db = openTestPool(url)
  t.after(db.close)
  await db.pool.query(
    `insert into schedules (org_id, id, name, cron_expression, timezone, target, enabled, catch_up_missed)
     values ('org', $1, 'x', '* * * * *', 'UTC', '{}', false, false)`,
    [schedule],
  )
  return db
}

test('deletes old executions that have ended, and keeps the others', async (t) => {
  const db = await openWithSchedule(t)
  const idOf = (daysAgo: number) =>
    `${(Date.now() - daysAgo * 86_400_000).toString(16).padStart(12, '0')}70008000000000000000`
  for (const [daysAgo, status] of [
    [31, 'completed'],
    [32, 'skipped'],
    [33, 'running'],
    [29, 'failed'],
  ] as const) {
    await db.pool.query(
      `insert into schedule_executions (org_id, id, schedule_id, scheduled_at, manual, status, started_at)
       values ('org', $1, $2, now() - $3 * interval '1 day', false, $4, now())`,
      [idOf(daysAgo), schedule, daysAgo, status],
    )
  }
  // The longest setting: its days begin before 1970.
  await sweepExecutions(db, 36_500)
  const kept = await db.pool.query('select from schedule_executions')
  assert.equal(kept.rowCount, 4)
  await sweepExecutions(db, 30)
  const { rows } = await db.pool.query('select status from schedule_executions order by status')
  assert.deepEqual(rows, [{ status: 'failed' }, { status: 'running' }])
})

test('one sweep deletes more old executions than one statement', async (t) => {
  const db = await openWithSchedule(t)
  await db.pool.query(
    `insert into schedule_executions (org_id, id, schedule_id, scheduled_at, manual, status, started_at)
     select 'org', (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || lpad(to_hex(n), 20, '0'))::uuid,
       $1, at + n * interval '1 ms', false, 'completed', at
     from generate_series(1, 25000) n, (values (now() - interval '31 days')) old(at)`,
    [schedule],
  )
  await sweepExecutions(db, 30)
  const { rows } = await db.pool.query('select count(*)::int as count from schedule_executions')
  assert.deepEqual(rows, [{ count: 0 }])
})
