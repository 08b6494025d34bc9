import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Db } from '../../apps/server/src/store/database.ts'
import { acceptMessage } from '../../apps/server/src/store/sessions/messages.ts'
import { appendToTurn } from '../../apps/server/src/store/turns/turn-appends.ts'
import { takeTurn } from '../../apps/server/src/store/turns/turns.ts'
import {
  createTestDatabase,
  openTestPool,
  queryRows,
  runSql,
} from '../../apps/server/test/database.ts'
import { beforeAll } from '../../apps/server/test/hooks.ts'

const orgId = 'org_00000000000000000000000000000001'
const sessionId = 'session_300'

/**
 * A database after many turns: their rows are deleted, but their pages are still there. Its users
 * have many sessions, other than those of the turns.
 */
const rows = `
set session_replication_role = replica;
insert into agents (org_id, id, name, system_prompt)
  select '${orgId}', 'agent_' || n, 'a', 'x' from generate_series(1, 20) n;
insert into sessions (org_id, id, agent_id, user_id)
  select '${orgId}', 'session_' || n, 'agent_' || n % 20 + 1, 'user_' || n % 50
  from generate_series(1, 20000) n;
insert into events (session_id, sequence, type, ts, context, data)
  select 'session_' || n % 200, n, 'turn.started', now(), '{}', '{}' from generate_series(1, 20000) n;
insert into budgets (org_id, id, subject_type, subject_id, currency, limit_amount)
  values ('${orgId}', 'bdgt_1', 'organization', '${orgId}', 'tokens', 1e12);
insert into turns (id, org_id, session_id, node_id)
  select 'turn_' || n, '${orgId}', 'session_' || n, 'node_1' from generate_series(1, 20000) n;
delete from turns where split_part(id, '_', 2)::int > 100;
analyze;`

/** PostgreSQL plans each statement so often with its values before it compares the plans. */
const customPlans = 5
const turns = 64

const call = {
  exec_id: 'exec_1',
  input_tokens: 900,
  output_tokens: 8192,
  output_min: 256,
  output_fair: 8192,
  input_cost: 0.001,
  output_price: 0.00001,
  counts_only_tokens: true,
}

const event = { type: 'reason.started' as const, context: '{}', data: '{}' }
/** Users that the statistics do not know, and each limit alone and together. */
const limits = [undefined, 20].flatMap((userTurnsMax) =>
  [null, 200].map((turnsMax) => ({
    turnsMax,
    by: userTurnsMax === undefined ? undefined : { user: { user: 'new' }, max: userTurnsMax },
  })),
)

/** Runs a text turn, as its node or a worker of the queue does. Returns its end. */
async function runTurn(db: Db, n: number) {
  const run = { orgId, sessionId, turnId: `turn_new_${n}` }
  const { turnsMax, by } = limits[n % limits.length]!
  const nodeId = n % 8 < 4 ? null : 'node_1'
  const input = { data: '{}', busyData: null, tags: null, preview: 'hello', modelId: null }
  const given = { ...input, turnId: run.turnId, messageId: `message_${n}`, nodeId }
  const asked = { ...given, keyedTypes: [], onlyIdle: false, turnsMax }
  const accepted = await acceptMessage(db, run, asked, by)
  assert.equal(accepted.refused, null)
  if (nodeId === null) assert.ok(await takeTurn(db, run, 'node_1'))
  const taken = { ...run, attempt: 1 }
  const charge = { context: '{}' }
  const begun = await appendToTurn(db, taken, { events: [event], charge: { ...charge, call } })
  return appendToTurn(db, taken, {
    events: [event],
    charge: { ...charge, spent: { tokens: 1000, dollars: 0.002 } },
    usage: { input_tokens: 900, output_tokens: 100 },
    usedModel: 'model',
    ending: { events: [event], sequence: begun!.sequence, next: undefined },
  })
}

let url: string

beforeAll(async (t) => {
  url = await createTestDatabase(t)
  await runSql(url, rows)
})

test('no statement of a text turn is planned each time, whatever limits there are', async (t) => {
  const db = openTestPool(url)
  t.after(db.close)
  for (let n = 1; n <= turns; n++) assert.equal((await runTurn(db, n))?.ended, true)
  const { rows: planned } = await db.pool.query(
    'select name, custom_plans::int as custom from pg_prepared_statements order by name collate "C"',
  )
  const once = (name: string) => ({ name, custom: customPlans })
  const accepts = ['', '-turnsMax', '-turnsMax-userTurnsMax', '-userTurnsMax']
  const others = ['append-events-end-settles', 'append-events-reserves', 'take-turn']
  assert.deepEqual(
    planned,
    [...accepts.map((limit) => `accept-message${limit}`), ...others].map(once),
  )
})

test('charges call no function for each budget, and read no whole table of budgets', async () => {
  const [applies] = await queryRows<{ 'QUERY PLAN': string }[]>(
    url,
    'explain (format json) select from budgets b where budget_applies(b)',
  )
  assert.doesNotMatch(JSON.stringify(applies), /budget_applies/)
  const byIndex = await queryRows(
    url,
    `select proname as name from pg_proc where 'enable_seqscan=off' = any(proconfig) order by 1`,
  )
  const names = ['charge_budgets', 'search_parts', 'settle_budgets']
  assert.deepEqual(
    byIndex,
    names.map((name) => ({ name })),
  )
})
