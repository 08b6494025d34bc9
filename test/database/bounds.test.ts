import assert from 'node:assert/strict'
import { test } from 'node:test'
import { settings } from '../../apps/server/src/config/settings.ts'
import { createTestDatabase, queryRows } from '../../apps/server/test/database.ts'

type Setting = keyof typeof settings

/** Counted in the storage quota of the organization. */
const storage = 'QUOTA_STORAGE_MB'
/** One row, or a few, for each row of another table. */
const rowsOf = (table: string) => ({ table })
/** Rows of nodes, accounts and sign-ins: an organization cannot add any, or they are swept. */
const server = 'server'

/**
 * The bound on the rows that an organization can add to each table: a quota, a number, a retention,
 * or the rows of another table. A new table needs a line here, and its bound a line in
 * docs/limits.md.
 */
const bounds: Record<string, Setting | ReturnType<typeof rowsOf> | typeof server> = {
  ag_ui_runs: rowsOf('events'), // One for a message or for answers, which are events.
  agent_channels: rowsOf('agents'), // At most 100 each.
  agent_keys: rowsOf('agent_channels'), // At most 100 valid ones each.
  agents: storage,
  alert_firings: rowsOf('alerts'), // At most 100 each.
  alert_samples: rowsOf('alerts'), // At most 62 each.
  alerts: rowsOf('organizations'), // At most 100 each.
  api_keys: 'API_KEYS_MAX',
  audit_log: 'AUDIT_RETENTION_DAYS_MAX',
  blobs: storage,
  budget_ledger: 'BUDGET_LEDGER_DAYS',
  budget_shards: rowsOf('budgets'), // 16 each.
  budgets: 'BUDGETS_MAX',
  counters: rowsOf('agents'),
  events: storage,
  failed_turns: rowsOf('events'),
  files: 'SESSION_FILES_MAX',
  hook_positions: rowsOf('sessions'), // One for each hook of the code.
  idempotency_keys: storage,
  images: storage,
  invitations: 'INVITATIONS_MAX',
  mcp_servers: rowsOf('organizations'), // At most 100 each.
  members: rowsOf('users'),
  models: rowsOf('providers'),
  organizations: 'ORGANIZATIONS_PER_USER',
  pauses: rowsOf('turns'),
  providers: 'PROVIDERS_MAX',
  schedule_executions: 'SCHEDULE_EXECUTIONS_DAYS',
  schedules: 'SCHEDULES_MAX',
  search_backfill: server,
  search_due: rowsOf('sessions'), // At most one each.
  search_sessions: rowsOf('sessions'), // One each.
  search_words: rowsOf('events'), // At most one for each message, and the title.
  session_pins: rowsOf('sessions'), // One for each user.
  session_storage: storage,
  session_tokens: 'SESSION_TOKENS_MAX',
  sessions: 'QUOTA_SESSIONS',
  snapshots: rowsOf('sessions'),
  texts: storage,
  turns: 'QUOTA_TURNS',
  webhook_deliveries: 'WEBHOOK_DELIVERIES_DAYS',
  webhooks: rowsOf('organizations'), // At most 100 each.
  access_changes: server,
  access_revision: server,
  event_hooks: server,
  identities: server,
  login_states: server,
  logins: server,
  master_keys: server,
  nodes: server,
  outlast_migrations: server,
  rate_limits: server,
  schedule_looks: server,
  turn_minutes: server,
  usage_days: 'USAGE_DAYS', // At most one for each model call.
  users: server,
}

test('every table has a bound on the rows of an organization', async (t) => {
  const rows = await queryRows<{ name: string }>(
    await createTestDatabase(t),
    `select tablename as name from pg_tables where schemaname = 'public' order by 1`,
  )
  const names = rows.map(({ name }) => name)
  assert.deepEqual(Object.keys(bounds).sort(), names)
  for (const [table, bound] of Object.entries(bounds)) {
    if (typeof bound === 'object') assert.ok(names.includes(bound.table), table)
    else assert.ok(bound === server || bound in settings, table)
  }
})
