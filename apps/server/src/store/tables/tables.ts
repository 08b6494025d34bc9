import type { Generated, JSONColumnType } from 'kysely'
import type {
  AnyJson,
  CompositeText,
  Details,
  LastTurnColumn,
  NullableTime,
  Time,
  ToolsColumn,
  UsesColumn,
  WaitingColumn,
} from '../columns.ts'
import type {
  AccessChangesTable,
  AccessRevisionTable,
  AgentChannelsTable,
  AgentKeysTable,
  ApiKeysTable,
  AuditLogTable,
  IdempotencyKeysTable,
  IdentitiesTable,
  InvitationsTable,
  LoginStatesTable,
  LoginsTable,
  MasterKeysTable,
  MembersTable,
  RateLimitsTable,
  SessionPinsTable,
  SessionTokensTable,
  UsersTable,
} from './access-tables.ts'
import type { AlertFiringsTable, AlertSamplesTable, AlertsTable } from './alert-tables.ts'
import type {
  BudgetLedgerTable,
  BudgetShardsTable,
  BudgetsTable,
  UsageDaysTable,
} from './budget-tables.ts'
import type { BlobsTable, FilesTable, ImagesTable } from './file-tables.ts'
import type {
  ScheduleExecutionsTable,
  ScheduleLooksTable,
  SchedulesTable,
} from './schedule-tables.ts'
import type {
  SearchBackfillTable,
  SearchDueTable,
  SearchSessionsTable,
  SearchWordsTable,
} from './search-tables.ts'
import type { WebhookDeliveriesTable, WebhooksTable } from './webhook-tables.ts'

export type OrganizationsTable = {
  id: string
  name: string
  default_model_seeded: Generated<boolean>
  retention_days: number | null
  deleted_at: NullableTime
  created_at: Time
}

export type ProvidersTable = {
  org_id: string
  id: string
  name: string
  provider_type: string
  base_url: string | null
  api_key: string | null
  status: Generated<string>
  last_synced_at: NullableTime
  sync_tried_at: NullableTime
  created_at: Time
  updated_at: Time
}

export type ModelsTable = {
  org_id: string
  id: string
  provider_id: string
  model_id: string
  display_name: string
  capabilities: Generated<string[]>
  is_default: Generated<boolean>
  is_favorite: Generated<boolean>
  status: Generated<string>
  source: Generated<string>
  last_seen_at: NullableTime
  is_stale: Generated<boolean>
  created_at: Time
  updated_at: Time
}

export type AgentsTable = {
  org_id: string
  id: string
  name: string
  display_name: string | null
  description: string | null
  system_prompt: string
  default_model_id: string | null
  tags: Generated<string[]>
  capabilities: UsesColumn
  tools: ToolsColumn
  output_schema: Details
  initial_files: AnyJson
  max_iterations: number | null
  parallel_tool_calls: boolean | null
  network_access: Details
  retention_days: number | null
  tool_rules: Details
  status: Generated<string>
  source: Generated<string>
  source_file: string | null
  created_at: Time
  updated_at: Time
}

export type SessionsTable = {
  org_id: string
  id: string
  agent_id: string
  title: string | null
  tags: Generated<string[]>
  model_id: string | null
  capabilities: UsesColumn
  tools: ToolsColumn
  max_iterations: number | null
  parallel_tool_calls: boolean | null
  network_access: Details
  waiting_for: WaitingColumn
  wait_expires_at: NullableTime
  reservation: CompositeText | null
  status: Generated<string>
  preview: string | null
  output_preview: string | null
  input_tokens: Generated<number>
  output_tokens: Generated<number>
  cache_read_tokens: number | null
  cache_creation_tokens: number | null
  cost_nanos: number | null
  started_at: NullableTime
  finished_at: NullableTime
  created_at: Time
  updated_at: Time
  sequence: Generated<number>
  turn_id: string | null
  turn_from: number | null
  turn_input: string | null
  turn_attempt: Generated<number>
  turn_tries: Generated<number>
  turn_node: string | null
  turn_cancelled: Generated<boolean>
  tool_rules: Details
  context_sequence: Generated<number>
  context_prompt: string | null
  stored_bytes: Generated<number>
  file_bytes: Generated<number>
  file_count: Generated<number>
  forked_from: Details
  legal_hold: Generated<boolean>
  key: string | null
  user_id: string | null
  channel_id: string | null
  last_turn: LastTurnColumn
  superseded_by: string | null
  channel_key_id: string | null
  system_prompt: string | null
  locale: string | null
  hints: Details
  api_key_id: string | null
  account_id: string | null
  feedback: string[] | null
}

export type EventsTable = {
  session_id: string
  sequence: number
  type: string
  ts: Time
  context: JSONColumnType<object>
  data: JSONColumnType<object>
  tags: string[] | null
}

export type TurnsTable = {
  id: string
  org_id: string
  session_id: string
  node_id: string | null
  created_at: Time
  refused_at: Time | null
  missing_capabilities: string[] | null
}

export type NodesTable = {
  id: string
  version: string
  catalog_hash: string | null
  role: string
  slots: number
  started_at: Time
  expires_at: Time
  draining: Generated<boolean>
}

export type TurnMinutesTable = {
  at: Time
  node_id: string
  completed: number
  failed: number
  cancelled: number
  turn_times: number[]
  first_token_times: number[]
}

export type FailedTurnsTable = {
  org_id: string
  id: string
  session_id: string
  agent_id: string
  input_message_id: string
  input_sequence: number
  sequence: number
  attempts: number
  node_id: string | null
  error: string
  error_code: string
  failed_at: Time
  retried_as: string | null
}

/** `message`: the turn that answers a message. `answers`: the rest of a turn that waited. */
type AgUiRunKind = 'message' | 'answers'

export type AgUiRunsTable = {
  org_id: string
  session_id: string
  run_id: string
  after_sequence: number
  kind: AgUiRunKind
  message_id: string | null
  answered: string[]
  created_at: Generated<Time>
}

export type PausesTable = {
  turn_id: string
  error_code: string
  since: Time
  until: Time
}

export type CountersTable = {
  org_id: string
  agent_id: string
  shard: number
  sessions: Generated<number>
  input_tokens: Generated<number>
  output_tokens: Generated<number>
  cache_read_tokens: Generated<number>
  cache_creation_tokens: Generated<number>
  stored_bytes: Generated<number>
  cost_nanos: number | null
  executions: Generated<number>
  execution_ms: Generated<number>
}

export type TextsTable = {
  org_id: string
  hash: string
  body: string
  used_at: Generated<Time>
  is_counted: Generated<boolean>
}

export type EventHooksTable = {
  name: string
  registered_at: Generated<Time>
  seen_at: Generated<Time>
}

export type HookPositionsTable = {
  org_id: string
  session_id: string
  hook: string
  sequence: number
  head: number
  due_at: NullableTime
  behind_since: NullableTime
  node_id: string | null
  claim: Generated<number>
  failures: Generated<number>
}

export type SnapshotsTable = {
  session_id: string
  sequence: number
  turn_id: string
  context: JSONColumnType<object>
  pieces: JSONColumnType<object>
  length: number
  written_at: Time
}

export type SessionStorageTable = {
  org_id: string
  session_id: string
  kind: string
  name: string
  body: string
  hidden_from_model: Generated<boolean>
  created_at: Time
  updated_at: Time
}

export type McpServersTable = {
  org_id: string
  id: string
  name: string
  description: string | null
  url: string
  header_names: Generated<string[]>
  headers: string | null
  api_key: string | null
  status: Generated<string>
  revision: Generated<number>
  tools: Details
  tool_count: number | null
  tools_listed_at: NullableTime
  tools_error: string | null
  tools_failed_at: NullableTime
  tool_hashes: Details
  reviewed_hashes: Details
  tools_reviewed_at: NullableTime
  created_at: Time
  updated_at: Time
}

/** The tables as SQL has them. A test compares this with the database. */
export type Tables = {
  organizations: OrganizationsTable
  providers: ProvidersTable
  models: ModelsTable
  agents: AgentsTable
  sessions: SessionsTable
  session_pins: SessionPinsTable
  ag_ui_runs: AgUiRunsTable
  blobs: BlobsTable
  files: FilesTable
  images: ImagesTable
  events: EventsTable
  turns: TurnsTable
  nodes: NodesTable
  turn_minutes: TurnMinutesTable
  failed_turns: FailedTurnsTable
  pauses: PausesTable
  search_due: SearchDueTable
  search_sessions: SearchSessionsTable
  search_words: SearchWordsTable
  search_backfill: SearchBackfillTable
  counters: CountersTable
  texts: TextsTable
  idempotency_keys: IdempotencyKeysTable
  event_hooks: EventHooksTable
  hook_positions: HookPositionsTable
  snapshots: SnapshotsTable
  session_storage: SessionStorageTable
  mcp_servers: McpServersTable
  webhooks: WebhooksTable
  webhook_deliveries: WebhookDeliveriesTable
  users: UsersTable
  identities: IdentitiesTable
  members: MembersTable
  invitations: InvitationsTable
  logins: LoginsTable
  login_states: LoginStatesTable
  api_keys: ApiKeysTable
  session_tokens: SessionTokensTable
  agent_channels: AgentChannelsTable
  agent_keys: AgentKeysTable
  access_revision: AccessRevisionTable
  access_changes: AccessChangesTable
  rate_limits: RateLimitsTable
  audit_log: AuditLogTable
  schedules: SchedulesTable
  schedule_executions: ScheduleExecutionsTable
  schedule_looks: ScheduleLooksTable
  master_keys: MasterKeysTable
  budgets: BudgetsTable
  budget_ledger: BudgetLedgerTable
  budget_shards: BudgetShardsTable
  usage_days: UsageDaysTable
  alerts: AlertsTable
  alert_samples: AlertSamplesTable
  alert_firings: AlertFiringsTable
}
