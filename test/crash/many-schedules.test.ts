import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { queryRows } from '../../apps/server/test/database.ts'
import { schedules } from '../../apps/server/test/schedules.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { createAgent, createSession } from '../../apps/server/test/session.ts'
import { eventually } from '../../apps/server/test/waiting.ts'

const schedulesCount = 3_000
const sessionsCount = 20

type Server = Awaited<ReturnType<typeof startServer>>

/** Stores schedules due five minutes ago while nodes were polling: their batches wait. */
async function addWaiting(server: Server, sessionIds: string[]) {
  await queryRows(
    server.databaseUrl,
    `with looks as (
       insert into schedule_looks (since, latest) values (now() - interval '10 minutes', now())
       on conflict (singleton) do update set since = excluded.since, latest = excluded.latest
     )
     insert into schedules (org_id, id, name, cron_expression, timezone, target, enabled, catch_up_missed, next_trigger_at)
     select 'org_00000000000000000000000000000001', gen_random_uuid(), 'Schedule ' || n, '0 0 29 2 *', 'UTC',
       json_build_object('type', 'workflow', 'name', 'send_message', 'input',
         json_build_object('session_id', ($1::text[])[1 + n % $2], 'text', 'Hello')),
       true, false, date_trunc('second', now() - interval '5 minutes')
     from generate_series(1, $3::int) n`,
    [sessionIds, sessionIds.length, schedulesCount],
  )
}

const countsOf = (server: Server) =>
  queryRows<{ status: string; count: string }>(
    server.databaseUrl,
    `select case status when 'running' then 'completed' else status end as status, count(*)
     from schedule_executions group by 1`,
  )

test('3,000 schedules that are due at once all run, each exactly once', async (t) => {
  const server = await startServer(t as TestContext)
  const agent = await createAgent(server)
  const sessionIds: string[] = []
  for (let n = 0; n < sessionsCount; n += 1) {
    sessionIds.push((await createSession(server, { agent_id: agent.id })).id)
  }
  await addWaiting(server, sessionIds)
  await eventually(async () => {
    const counts = await countsOf(server)
    return counts.reduce((sum, { count }) => sum + Number(count), 0) >= schedulesCount
  })
  assert.deepEqual(await countsOf(server), [{ status: 'completed', count: String(schedulesCount) }])
  const messages = await queryRows<{ count: string }>(
    server.databaseUrl,
    `select count(*) from events where type = 'input.message'`,
  )
  assert.equal(Number(messages[0]!.count), schedulesCount)
  const { body } = await server.call('GET', `${schedules}?limit=1`)
  assert.equal(body.total, schedulesCount)
})
