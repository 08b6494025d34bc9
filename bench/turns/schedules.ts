import { setTimeout as sleep } from 'node:timers/promises'
import { call, createAgent } from '../core/client.ts'
import { type CountingProxy, withCountedDatabase } from '../core/counting-proxy.ts'
import { queryRows } from '../core/database.ts'
import { ms, type Options, percentile, progress, type Report } from '../core/figures.ts'
import { startOutlast } from '../core/servers.ts'

const schedulesCount = 10_000
/** Each schedule writes to one of this many sessions. */
const sessionsCount = 1_000
const dueEachSecond = 100
const lateMaxMs = 1_000
const idleMax = 2
/** Schedules that are due in the same second, and the time limit to start them all. */
const burstCount = 5_000
const burstMaxMs = 60_000

/** Lateness of schedules, and the cost of polling when none is due. */
export function schedules({ quick }: Options): Promise<Report> {
  const forSeconds = quick ? 10 : 60
  const idleMs = quick ? 5_000 : 20_000
  return withCountedDatabase(async ({ env, proxy, directUrl }) => {
    const server = await startOutlast({ env })
    try {
      const idle = await countIdle(proxy, idleMs)
      await fill(server.url, directUrl)
      const busy = await countIdle(proxy, idleMs)
      const late = await runFor(directUrl, forSeconds)
      return report({ idle, busy, late, burst: await runBurst(directUrl), forSeconds })
    } finally {
      await server.stop()
    }
  })
}

/** Statements of the scheduler per second. */
async function countIdle(proxy: CountingProxy, forMs: number): Promise<number> {
  await sleep(2_000)
  proxy.take()
  await sleep(forMs)
  const { byLabel } = proxy.take()
  const ours = [...byLabel].filter(([label]) => /schedule|execution|known/.test(label))
  return ours.reduce((sum, [, count]) => sum + count, 0) / (forMs / 1_000)
}

/** Creates schedules with a message each to one of the sessions; none is due until released. */
async function fill(url: string, databaseUrl: string) {
  const agent_id = await createAgent(url)
  const sessions: string[] = []
  for (let n = 0; n < sessionsCount; n += 1) {
    sessions.push((await call<{ id: string }>(url, 'POST', '/v1/sessions', { agent_id })).id)
  }
  await queryRows(
    databaseUrl,
    `insert into schedules (org_id, id, name, cron_expression, timezone, target, enabled, catch_up_missed, next_trigger_at)
     select 'org_00000000000000000000000000000001', gen_random_uuid(), 'Schedule ' || n, '0 0 29 2 *', 'UTC',
       json_build_object('type', 'workflow', 'name', 'send_message', 'input',
         json_build_object('session_id', ($1::text[])[1 + n % $2], 'text', 'Hello')),
       true, false, '2099-01-01'
     from generate_series(1, $3::int) n`,
    [sessions, sessionsCount, schedulesCount],
  )
  await queryRows(databaseUrl, 'analyze schedules')
  progress(`${schedulesCount} schedules`)
}

/** Makes 100 schedules due in each of the next seconds; returns their lateness in ms. */
async function runFor(databaseUrl: string, forSeconds: number): Promise<number[]> {
  await queryRows(
    databaseUrl,
    `with n as (select id, row_number() over (order by id) - 1 as n from schedules)
     update schedules s set
       cron_expression = (n.n / $1 % 60)::int || ' * * * * *',
       next_trigger_at = case when n.n < $1 * $2 then date_trunc('minute', now()) + interval '2 minutes'
         + (n.n / $1 % 60) * interval '1 second' else s.next_trigger_at end
     from n where n.id = s.id`,
    [dueEachSecond, Math.min(60, forSeconds)],
  )
  const [{ wait }] = (await queryRows(
    databaseUrl,
    `select extract(epoch from min(next_trigger_at) - now())::float8 as wait from schedules`,
  )) as [{ wait: number }]
  await sleep((wait + forSeconds + 5) * 1_000)
  const rows = await queryRows<{ late: number; status: string }>(
    databaseUrl,
    `select extract(epoch from started_at - scheduled_at)::float8 * 1000 as late, status
     from schedule_executions order by scheduled_at limit $1`,
    [dueEachSecond * forSeconds],
  )
  const bad = rows.filter(({ status }) => status !== 'completed').length
  progress(`${rows.length} executions, ${bad} not completed`)
  if (rows.length < dueEachSecond * forSeconds) throw new Error('executions are missing')
  return rows.map(({ late }) => late)
}

/** Makes 5,000 schedules due in one second; returns the ms until the last one starts. */
async function runBurst(databaseUrl: string): Promise<number> {
  const [{ at }] = (await queryRows(
    databaseUrl,
    `with stop as (update schedules set next_trigger_at = '2099-01-01'), at as (
       select date_trunc('second', now()) + interval '5 seconds' as at
     ), due as (
       insert into schedules (org_id, id, name, cron_expression, timezone, target, enabled, catch_up_missed, next_trigger_at)
       select org_id, gen_random_uuid(), 'Burst ' || name, '0 0 29 2 *', 'UTC', target, true, false, at.at
       from (select * from schedules limit $1) s, at
     ) select at from at`,
    [burstCount],
  )) as [{ at: Date }]
  for (;;) {
    await sleep(1_000)
    const [{ count, skipped, last }] = (await queryRows(
      databaseUrl,
      `select count(*)::int as count, count(*) filter (where status = 'skipped')::int as skipped,
         extract(epoch from max(started_at) - $1::timestamptz)::float8 * 1000 as last
       from schedule_executions where scheduled_at = $1`,
      [at],
    )) as [{ count: number; skipped: number; last: number }]
    if (skipped > 0) throw new Error(`${skipped} executions were skipped`)
    if (count >= burstCount) return last
  }
}

type Measured = { idle: number; busy: number; late: number[]; burst: number; forSeconds: number }

function report({ idle, busy, late, burst, forSeconds }: Measured): Report {
  const p99 = percentile(late, 0.99)
  const row = (what: string, perSecond: number) => ({
    what,
    goal: `at most ${idleMax} a second`,
    measured: `${perSecond.toFixed(2)} a second`,
    met: perSecond <= idleMax,
  })
  return {
    title: 'Schedules',
    rows: [
      {
        what: `lateness with ${schedulesCount} schedules of which ${dueEachSecond} are due each second, p99`,
        goal: `at most ${lateMaxMs} ms`,
        measured: ms(p99),
        met: p99 <= lateMaxMs,
      },
      { what: 'the same, p50', goal: '', measured: ms(percentile(late, 0.5)) },
      { what: 'the same, the latest', goal: '', measured: ms(Math.max(...late)) },
      {
        what: `${burstCount} schedules due in the same second, until the last one starts`,
        goal: `at most ${burstMaxMs / 1_000} s`,
        measured: ms(burst),
        met: burst <= burstMaxMs,
      },
      row('statements of an idle scheduler, without a schedule', idle),
      row(`the same, with ${schedulesCount} schedules of which none is due`, busy),
    ],
    notes: [
      `${forSeconds} seconds. Each execution sends a message, and its turn is answered by the simulated model on the same 2 cores. Late is from the time of the schedule to when the execution is stored, both by the database's clock.`,
    ],
  }
}
