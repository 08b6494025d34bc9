import assert from 'node:assert/strict'
import { test } from 'node:test'
import { acceptMessage } from '../../apps/server/src/store/sessions/messages.ts'
import { appendToTurn } from '../../apps/server/src/store/sessions/turn-appends.ts'
import { takeTurn } from '../../apps/server/src/store/sessions/turns.ts'
import { createTestDatabase, openTestPool, runSql } from '../../apps/server/test/database.ts'

const orgId = 'org_00000000000000000000000000000001'
const sessionId = 'session_300'

/** A database after many turns: their rows are deleted, but their pages are still there. */
const rows = `
set session_replication_role = replica;
insert into agents (org_id, id, name, system_prompt)
  select '${orgId}', 'agent_' || n, 'a', 'x' from generate_series(1, 20) n;
insert into sessions (org_id, id, agent_id)
  select '${orgId}', 'session_' || n, 'agent_' || n % 20 + 1 from generate_series(1, 600) n;
insert into events (session_id, sequence, type, ts, context, data)
  select 'session_' || n % 200, n, 'turn.started', now(), '{}', '{}' from generate_series(1, 20000) n;
insert into budgets (org_id, id, subject_type, subject_id, currency, limit_amount)
  values ('${orgId}', 'bdgt_1', 'organization', '${orgId}', 'tokens', 1e12);
insert into turns (id, org_id, session_id, node_id)
  select 'turn_' || n, '${orgId}', 'session_' || n, 'node_1' from generate_series(1, 20000) n;
delete from turns where id not in ('turn_1', 'turn_2', 'turn_3');
analyze;`

/** PostgreSQL plans each statement so often with its values before it compares the plans. */
const customPlans = 5
const turns = 24

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

test('no statement of a turn is planned each time', async (t) => {
  const url = await createTestDatabase(t)
  await runSql(url, rows)
  const db = openTestPool(url)
  t.after(db.close)
  const event = { type: 'reason.started' as const, context: '{}', data: '{}' }
  const messages = { data: '{}', busyData: null, tags: null, preview: 'hello', modelId: null }
  for (let n = 1; n <= turns; n++) {
    const run = { orgId, sessionId, turnId: `turn_new_${n}` }
    const accepted = await acceptMessage(db, run, {
      ...messages,
      turnId: run.turnId,
      messageId: `message_${n}`,
      nodeId: null,
      keyedTypes: [],
      onlyIdle: false,
      turnsMax: n % 2 === 0 ? 50 : null,
    })
    assert.equal(accepted.refused, null)
    const taken = await takeTurn(db, run, 'node_1')
    const attempt = taken!.turn_attempt
    const charge = { context: '{}' }
    const begun = await appendToTurn(
      db,
      { ...run, attempt },
      { events: [event], charge: { ...charge, call } },
    )
    const ended = await appendToTurn(
      db,
      { ...run, attempt },
      {
        events: [event],
        charge: { ...charge, spent: { tokens: 1000, dollars: 0.002 } },
        usage: { input_tokens: 900, output_tokens: 100 },
        usedModel: 'model',
        ending: { events: [event], sequence: begun!.sequence, next: undefined },
      },
    )
    assert.equal(ended?.ended, true)
  }
  const { rows: planned } = await db.pool.query(
    'select name, custom_plans::int, generic_plans::int from pg_prepared_statements',
  )
  const names = planned.filter((one) => one.custom_plans > customPlans).map(({ name }) => name)
  assert.deepEqual(names, [])
})
