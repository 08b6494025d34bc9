import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTestDatabase } from '../../../test/database.ts'
import { openDatabase } from '../database.ts'
import { sweepExecutions } from './schedule-executions.ts'

test('deletes old executions that have ended, and keeps the others', async (t) => {
  const url = await createTestDatabase(t)
  const db = openDatabase({ url, max: 1, onError() {} })
  t.after(db.close)
  const schedule = '01933b5a-0000-7000-8000-000000000001'
  await db.pool.query(
    `insert into schedules (org_id, id, name, cron_expression, timezone, target, enabled, catch_up_missed)
     values ('org', $1, 'x', '* * * * *', 'UTC', '{}', false, false)`,
    [schedule],
  )
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
  await sweepExecutions(db, 30)
  const { rows } = await db.pool.query('select status from schedule_executions order by status')
  assert.deepEqual(rows, [{ status: 'failed' }, { status: 'running' }])
})
