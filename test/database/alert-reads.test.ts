/** Rows that one evaluation of alerts reads, of organizations with many counters and failures. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import {
  type AlertTransition,
  evaluateAlerts,
} from '../../apps/server/src/store/alerts/alert-evaluation.ts'
import { atomically, type Database } from '../../apps/server/src/store/database.ts'
import { createTestDatabase, openTestPool } from '../../apps/server/test/database.ts'

const org = 'org_many'
const agents = 2_000
const failures = 2_000
const hour = 3_600

/** A database with counters of many agents and many failed turns, each agent with one. */
async function startMany(t: TestContext): Promise<Database> {
  const url = await createTestDatabase(t)
  const db = openTestPool(url)
  t.after(db.close)
  await run(
    db,
    `insert into counters (org_id, agent_id, shard, executions, cost_nanos)
    select '${org}', 'agent_' || n, 0, 2, 3000000000 from generate_series(1, ${agents}) n`,
  )
  await run(
    db,
    `insert into failed_turns (org_id, id, session_id, agent_id, input_message_id, input_sequence, sequence, attempts, error, error_code, failed_at)
    select '${org}', 'turn_' || n, 'sess', 'agent_' || n, 'msg', 1, 2, 1, '', '', now() - n * interval '1 hour'
    from generate_series(1, ${failures}) n`,
  )
  await run(db, 'analyze counters, failed_turns')
  return db
}

const run = <Row extends object>(db: Pick<Database, 'run'>, text: string): Promise<Row[]> =>
  db.run<Row>({ name: '', text }, [])

type Rule = { metric: string; agent?: string; threshold: number; window?: number }

/** Stores alerts that have a sample of zero from before all failures. */
async function addAlerts(db: Database, rules: Rule[]): Promise<string[]> {
  for (const [index, { metric, agent, threshold, window = hour * 2_500 }] of rules.entries()) {
    await run(
      db,
      `with a as (
        insert into alerts (id, org_id, name, metric, agent_id, threshold, window_seconds, min_turns, enabled)
        values ('alert_${index}', '${org}', '', '${metric}', ${agent ? `'${agent}'` : 'null'}, ${threshold}, ${window}, 1, true)
      )
      insert into alert_samples (alert_id, at, turns, cost_nanos)
      values ('alert_${index}', now() - interval '2500 hours' - ${index} * interval '1 second', 0, 0)`,
    )
  }
  return rules.map((_, index) => `alert_${index}`)
}

/** Evaluates alerts. Returns the changes, and the rows and index entries that were read. */
function evaluate(db: Database, ids: string[], [table, index]: [string, string]) {
  return atomically(db, async (unit) => {
    const changes: AlertTransition[] = await evaluateAlerts(unit, ids)
    const [row] = await run<{ reads: string }>(
      unit,
      `select pg_stat_get_xact_tuples_returned('${table}'::regclass)
        + pg_stat_get_xact_tuples_returned('${index}'::regclass) as reads`,
    )
    return { changed: changes.map(({ id }) => id).sort(), reads: Number(row!.reads) }
  })
}

const valuesOf = async (db: Database) =>
  (await run<{ value: number }>(db, 'select value from alerts order by id')).map(
    ({ value }) => value,
  )

test('alerts on one agent read only the counters of that agent', async (t) => {
  const db = await startMany(t)
  const ids = await addAlerts(db, [
    { metric: 'cost_usd', agent: 'agent_7', threshold: 3 },
    { metric: 'failed_turn_share', agent: 'agent_7', threshold: 0.6 },
    { metric: 'cost_usd', agent: 'agent_none', threshold: 1 },
  ])
  const { changed, reads } = await evaluate(db, ids, ['counters', 'counters_pkey'])
  assert.deepEqual(changed, ['alert_0'])
  assert.deepEqual(await valuesOf(db), [3, 0.5, 0])
  assert.ok(reads < 100, `${reads} counters were read`)
})

test('alerts on one agent and on all sessions count the same turns and cost', async (t) => {
  const db = await startMany(t)
  const ids = await addAlerts(db, [
    { metric: 'cost_usd', threshold: 1 },
    { metric: 'failed_turn_share', threshold: 0.5 },
    { metric: 'cost_usd', agent: 'agent_7', threshold: 1 },
    { metric: 'failed_turns', threshold: 1, window: hour * 100 },
    { metric: 'failed_turns', agent: 'agent_7', threshold: 1, window: hour * 100 },
    { metric: 'failed_turns', agent: 'agent_70', threshold: 1, window: hour * 60 },
  ])
  await evaluate(db, ids, ['counters', 'counters_pkey'])
  assert.deepEqual(await valuesOf(db), [6_000, 0.5, 3, 99, 1, 0])
})

test('many alerts of an organization read its failed turns once', async (t) => {
  const db = await startMany(t)
  const rules = Array.from({ length: 100 }, (_, index) => ({
    metric: index % 2 === 0 ? 'failed_turn_share' : 'failed_turns',
    threshold: index % 2 === 0 ? 0.5 : failures,
    window: hour * 2_500 + index,
  }))
  const ids = await addAlerts(db, rules)
  const { changed, reads } = await evaluate(db, ids, ['failed_turns', 'failed_turns_by_time'])
  assert.equal(changed.length, 100)
  assert.ok(reads <= 2 * failures, `${reads} failed turns were read`)
})
