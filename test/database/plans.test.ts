import assert from 'node:assert/strict'
import { test } from 'node:test'
import type pg from 'pg'
import { countAudit, listAudit } from '../../apps/server/src/store/access/audit-log.ts'
import { checkAgents } from '../../apps/server/src/store/access/user-tokens.ts'
import { sweepBudgets } from '../../apps/server/src/store/budgets/budget-deletion.ts'
import { countBudgets, listBudgets } from '../../apps/server/src/store/budgets/budgets.ts'
import { type Connections, type Db, databaseOn } from '../../apps/server/src/store/database.ts'
import {
  deleteImagesOfEndUser,
  deleteImagesOfSessions,
  imagesOfEndUser,
} from '../../apps/server/src/store/files/images.ts'
import { createHistory } from '../../apps/server/src/store/history.ts'
import { deleteOrganization } from '../../apps/server/src/store/organization-deletion.ts'
import { sweepFailedTurns, sweepSessions } from '../../apps/server/src/store/retention.ts'
import { markOlderSessions } from '../../apps/server/src/store/sessions/search/due.ts'
import { listSessions } from '../../apps/server/src/store/sessions/session-lists.ts'
import { createStoredTexts } from '../../apps/server/src/store/stored-texts.ts'
import { renewLease } from '../../apps/server/src/store/turns/nodes.ts'
import { listWorkflows } from '../../apps/server/src/store/turns/workflows.ts'
import { listDeliveries, sweepDeliveries } from '../../apps/server/src/store/webhooks/deliveries.ts'
import { connectTo, createTestDatabase, runSql } from '../../apps/server/test/database.ts'
import { beforeAll } from '../../apps/server/test/hooks.ts'

const page = { offset: 0, limit: 20 }
const numbers = (count: number) => `generate_series(1, ${count}) n`

/** One agent of many deletes its sessions, and another one has most of them. */
const rows = `
set session_replication_role = replica;
insert into organizations (id, name) values ('o', 'o');
insert into agents (org_id, id, name, system_prompt, retention_days)
  select 'o', 'agent_' || n, 'a', 'x', case when n = 7 then 1 end from ${numbers(2_000)};
insert into sessions (org_id, id, agent_id, user_id, legal_hold, created_at, updated_at)
  select 'o', 'session_' || n, 'agent_' || case when n < 4000 then n % 2000 + 1 else 1 end,
    'user' || n % 500, n in (15000, 15001), t, t
  from ${numbers(20_000)}, lateral (select now() - n * interval '1 hour' as t) t;
insert into session_pins (org_id, session_id, user_id)
  select 'o', 'session_' || n * 10, 'user' || n % 500 from ${numbers(2_000)};
insert into search_backfill values ('o', 'session_5');
insert into audit_log (org_id, id, created_at, actor_type, actor_id, action, target)
  select 'o', 'audit_' || n, now() - n * interval '1 second', 'user', 'actor' || n % 500, case when n % 500 = 9 then 'rare' else 'x' end, 'target' || n
  from ${numbers(20_000)};
insert into webhooks (org_id, id, url, event_types) values ('o', 'w', 'http://x', '{}');
insert into webhook_deliveries (org_id, webhook_id, event_id, event_type, body, status, created_at)
  select 'o', 'w', 'event_' || n, 't', '{}', case when n % 4000 = 0 then 'failed' else 'delivered' end,
    now() - n * interval '1 second'
  from ${numbers(20_000)};
insert into images (org_id, id, session_id, filename, content_type, width, height, hash, size_bytes, used_by)
  select 'o', 'image_' || n, case when n % 2 = 0 then 'session_' || n end, 'f', 't', 1, 1, 'h', 1,
    case when n % 2 = 1 then 'user' || n % 500 end
  from ${numbers(20_000)};
insert into budgets (org_id, id, subject_type, subject_id, currency, limit_amount)
  select 'o', 'budget_' || n, 'end_user', 'user' || n, 'usd', 1 from ${numbers(20_000)};
insert into agent_channels (org_id, id, agent_id, channel_type, config, enabled) values ('o', 'c', 'agent_1', 'x', '{}', true);
insert into budgets (org_id, id, subject_type, subject_id, currency, limit_amount)
  select 'o', 'budget_c' || n, 'channel_user', 'c k user' || n, 'usd', 1 from ${numbers(20_000)};
insert into failed_turns (
  org_id, id, session_id, agent_id, input_message_id, input_sequence, sequence, attempts, error, error_code, failed_at
)
  select 'o', 'turn_' || n, 'session_' || n, 'agent_' || n % 2000 + 1, 'm', 1, 2, 1, 'e', 'c', now() - n * interval '1 hour'
  from ${numbers(20_000)};
insert into turns (id, org_id, session_id, node_id)
  select 'turn_' || n, 'o', 'session_' || n, case when n % 1000 = 0 then 'node_' || n % 3000 end from ${numbers(20_000)};
select start_turn('o', session_id, id) from turns where node_id is null limit 2000;
insert into nodes (id, version, role, slots, expires_at) values ('node_0', 'x', 'all', 1, now());`

let client: pg.Client
let plans: string[] = []

/** Runs a statement in the transaction of the test, and keeps its plan. */
async function explained(given: string | pg.QueryConfig, values: unknown[] = []) {
  const config: pg.QueryConfig = typeof given === 'string' ? { text: given, values } : given
  const { name, text } = config
  if (/^(begin|commit|rollback)/.test(text)) return { rows: [] }
  // A statement with a name is planned without values after some executions.
  const plan = await client.query(
    name
      ? { text: `explain (generic_plan, costs off) ${text}` }
      : { ...config, text: `explain (costs off) ${text}` },
  )
  plans.push(plan.rows.map((row) => row['QUERY PLAN']).join('\n'))
  return client.query({ text, values: config.values })
}

/** Statements that start together run one after another. */
let last: Promise<unknown> = Promise.resolve()
const query = ((...given: Parameters<typeof explained>) => {
  const next = last.then(() => explained(...given))
  last = next.catch(() => {})
  return next
}) as Connections['query']
const connect = (async () => ({ query, release() {} })) as unknown as Connections['connect']
const db: Db = databaseOn({ pool: { query, connect }, texts: createStoredTexts() })

beforeAll(async (t) => {
  const url = await createTestDatabase(t)
  await runSql(url, rows)
  await runSql(url, 'vacuum analyze')
  client = await connectTo(t, url)
})

/** Reads the first batch of a list. */
async function first(batches: AsyncIterable<unknown>) {
  for await (const _ of batches) return
}

const sessionsOf = (filters: object) =>
  listSessions(db, 'o', { ...page, userId: 'user7', ...filters })

/** Stops after the first session. */
function sweepSome() {
  const stopping = new AbortController()
  const onDeleted = () => stopping.abort()
  const onError = (_: unknown, error: unknown) => assert.fail(error as Error)
  return sweepSessions(db, { days: 0, stopping: stopping.signal, onDeleted, onError })
}

const renew = () =>
  renewLease(
    { db, history: createHistory() },
    {
      id: 'node_0',
      version: '1',
      catalogHash: 'a',
      role: 'all',
      slots: 1,
      ms: 1_500,
      draining: false,
      alone: true,
    },
    { judging: true, taken: ['turn_1'], known: ['turn_1'], strays: ['turn_2'], after: '' },
  )

type Expected = { run: () => Promise<unknown>; plan: RegExp[]; not?: RegExp }

/** Statements that must not read a whole table: patterns in their plans, and one that is not. */
const cases: Record<string, Expected> = {
  'old deliveries': {
    run: () => sweepDeliveries(db, 30),
    plan: [/using webhook_deliveries_newest on .*\n *Index Cond: .*created_at < CASE/],
  },
  'audit entries of a target': {
    run: () => first(listAudit(db, 'o', { target: 'target9' }, page)),
    plan: [/using audit_log_by_target/],
  },
  'audit entries of an actor': {
    run: () => first(listAudit(db, 'o', { actor_id: 'actor9' }, page)),
    plan: [/using audit_log_by_actor/],
  },
  'audit entries of an action': {
    run: () => first(listAudit(db, 'o', { action: 'rare' }, page)),
    plan: [/using audit_log_by_action/],
  },
  'number of audit entries': {
    run: async () => {
      await countAudit(db, 'o', { target: 'target9' })
      await countAudit(db, 'o', {})
    },
    plan: [/using audit_log_by_target/, /Limit/],
  },
  'turns of a lease renewal': {
    run: renew,
    plan: [
      / on turns_by_node/,
      /using turns_pkey on turns\n *Index Cond: \(id > /,
      /using jobs_key/,
    ],
    not: /Seq Scan on (turns|_private_jobs)/,
  },
  'images of a session': {
    run: () => deleteImagesOfSessions(db, 'o', ['session_2']),
    plan: [/using images_by_session/],
    not: /Seq Scan on images/,
  },
  'images of an end user': {
    run: () => deleteImagesOfEndUser(db, 'o', 'user7'),
    plan: [/using images_by_user/],
    not: /Seq Scan on images/,
  },
  'images to export': {
    run: () => first(imagesOfEndUser(db, 'o', 'user7')),
    plan: [/using images_by_user/, /using images_by_session/],
    not: /Seq Scan on (images|sessions)/,
  },
  'sessions older than the search': {
    run: () => markOlderSessions(db),
    plan: [/using sessions_pkey on sessions s\n *Index Cond: \(ROW\(org_id, id\) > ROW/],
  },
  'pinned sessions': {
    run: () => sessionsOf({ pinned: true }),
    plan: [/session_pins_of_user/],
    not: /using sessions_newest|Seq Scan on sessions/,
  },
  'sessions that are not pinned': {
    run: () => sessionsOf({ pinned: false }),
    plan: [/using sessions_newest/],
  },
  'sessions under a legal hold': {
    run: () => sessionsOf({ legal_hold: true }),
    plan: [/using sessions_by_hold/],
    not: /Seq Scan on sessions/,
  },
  'a legal hold in an organization': {
    run: () => assert.rejects(deleteOrganization(db, 'o'), { code: 'legal_hold' }),
    plan: [/using sessions_by_hold/],
  },
  'agents of a token': {
    run: () => checkAgents(db, 'o', ['agent_7', 'agent_8']),
    plan: [/using agents_pkey on agents a\n *Index Cond: .* = n\.id/],
  },
  'failed deliveries': {
    run: () => listDeliveries(db, 'w', { status: 'failed', ...page }),
    plan: [/using webhook_deliveries_failed/],
    not: /webhook_deliveries_newest|Seq Scan on webhook_deliveries/,
  },
  'pending deliveries': {
    run: () => listDeliveries(db, 'w', { status: 'pending', ...page }),
    plan: [/using webhook_deliveries_due/],
    not: /webhook_deliveries_newest|Seq Scan on webhook_deliveries/,
  },
  'budgets of a subject': {
    run: () => listBudgets(db, 'o', { subject_type: 'end_user', subject_id: 'user7', ...page }),
    plan: [/using budgets_of_subject/],
  },
  'budgets without users of channels': {
    run: async () => {
      await listBudgets(db, 'o', page)
      await countBudgets(db, 'o')
    },
    plan: [/using budgets_newest .*\n(.*\n)*.*Aggregate\n.* using budgets_newest/],
    not: /Seq Scan|Sort/,
  },
  'budgets to delete': {
    run: () => sweepBudgets(db, 90),
    plan: [/using budgets_pkey on budgets b\n *Index Cond: \(id >= /],
  },
  'failed turns of a session': {
    run: () => listWorkflows(db, 'o', { status: 'failed', session_id: 'session_7', ...page }),
    plan: [/using failed_turns_by_session/],
    not: /on turns|Seq Scan/,
  },
  'turns of a session': {
    run: () => listWorkflows(db, 'o', { session_id: 'session_7', ...page }),
    plan: [/using failed_turns_by_session/],
    not: /Seq Scan on (sessions|failed_turns)/,
  },
  'sessions of an agent with a retention of its own': {
    run: sweepSome,
    plan: [/using sessions_by_agent/],
    not: /sessions_newest|Seq Scan on sessions/,
  },
  'failed turns of the past': {
    run: () => sweepFailedTurns(db, 830),
    plan: [/using failed_turns_by_agent/],
  },
}

for (const [name, { run, plan, not }] of Object.entries(cases)) {
  test(`${name}: found by an index`, async () => {
    plans = []
    await client.query('begin')
    try {
      await run()
    } finally {
      await client.query('rollback')
    }
    const text = plans.join('\n\n')
    for (const part of plan) assert.match(text, part)
    if (not) assert.doesNotMatch(text, not)
  })
}

test('each foreign key has an index, so that a deletion reads no whole table', async () => {
  const { rows } = await client.query(`
    select c.conrelid::regclass::text as table, c.conname as name from pg_constraint c
    where c.contype = 'f' and c.connamespace = 'public'::regnamespace and not exists (
      select from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
      where i.indrelid = c.conrelid and i.indkey[0] = any(c.conkey)
        and (a.attname <> 'org_id' or cardinality(c.conkey) = 1 or i.indkey[1] = any(c.conkey))
    )`)
  assert.deepEqual(rows, [])
})
