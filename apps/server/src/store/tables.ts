import type {
  CapabilityUse,
  ClientTool,
  ExecutionStatus,
  Role,
  Scope,
  WaitingFor,
} from '@outlast/contract'
import type { ColumnType, Generated, JSONColumnType } from 'kysely'

/** Written as a string, read back as an RFC 3339 string. */
type Time = ColumnType<string, string | undefined, string>
type NullableTime = ColumnType<string | null, string | null | undefined, string | null>
type Details = ColumnType<Record<string, unknown> | null, string | null, string | null>
type Uses = JSONColumnType<CapabilityUse[], string | undefined, string>
type Tools = JSONColumnType<ClientTool[], string | undefined, string>
/** Any JSON; a JSON `null` is no value. */
type AnyJson = ColumnType<unknown, string | null, string | null>
type Waiting = JSONColumnType<WaitingFor | null, string | null | undefined, string | null>

export type OrganizationsTable = {
  id: string
  name: string
  default_model_seeded: Generated<boolean>
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
  description: string | null
  system_prompt: string
  default_model_id: string | null
  tags: Generated<string[]>
  capabilities: Uses
  tools: Tools
  status: Generated<string>
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
  capabilities: Uses
  tools: Tools
  waiting_for: Waiting
  wait_expires_at: NullableTime
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
  context_sequence: Generated<number>
  context_prompt: string | null
  stored_bytes: Generated<number>
  file_bytes: Generated<number>
  file_count: Generated<number>
  forked_from: Details
}

export type BlobsTable = {
  org_id: string
  hash: string
  bytes: Buffer
  created_at: Time
}

export type FilesTable = {
  org_id: string
  session_id: string
  path: string
  directory: string
  id: string
  is_directory: boolean
  is_readonly: boolean
  hash: string | null
  size_bytes: number
  created_at: Time
  updated_at: Time
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
}

export type NodesTable = {
  id: string
  version: string
  role: string
  slots: number
  started_at: Time
  expires_at: Time
  draining: Generated<boolean>
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
}

export type TextsTable = { org_id: string; hash: string; body: string }

export type IdempotencyKeysTable = {
  org_id: string
  principal: string
  method: string
  path: string
  key: string
  body_hash: string
  status: number | null
  answer: string | null
  created_at: Time
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
  created_at: Time
  updated_at: Time
}

export type UsersTable = {
  id: string
  email: string
  name: string
  password_hash: string | null
  auth_provider: Generated<string>
  avatar_url: string | null
  created_at: Time
  updated_at: Time
}

export type IdentitiesTable = {
  provider: string
  subject: string
  user_id: string
  created_at: Time
}

export type MembersTable = {
  org_id: string
  user_id: string
  role: Role
  created_at: Time
}

export type InvitationsTable = {
  org_id: string
  id: string
  email: string
  role: Role
  token_hash: string
  invited_by: string
  expires_at: Time
  created_at: Time
}

export type LoginsTable = {
  id: string
  user_id: string
  refresh_hash: string
  address: string | null
  user_agent: string | null
  created_at: Time
  refreshed_at: Time
  expires_at: Time
}

export type LoginStatesTable = { state_hash: string; provider: string; expires_at: Time }

export type ApiKeysTable = {
  org_id: string
  id: string
  user_id: string
  name: string
  key_prefix: string
  hash: string
  scopes: Scope[]
  expires_at: NullableTime
  last_used_at: NullableTime
  created_at: Time
}

export type AccessRevisionTable = { one: Generated<boolean>; revision: Generated<number> }

export type AccessChangesTable = { revision: number; subjects: string[]; created_at: Time }

export type RateLimitsTable = {
  subject: string
  tokens: number
  capacity: number
  seconds: number
  updated_at: Time
}

export type AuditLogTable = {
  org_id: string
  id: string
  created_at: Time
  actor_type: string
  actor_id: string | null
  actor_name: string | null
  action: string
  target: string | null
  address: string | null
  user_agent: string | null
  request_id: string | null
  details: Details
}

export type SchedulesTable = {
  org_id: string
  id: string
  name: string
  description: string | null
  cron_expression: string
  timezone: string
  target: JSONColumnType<object>
  enabled: boolean
  catch_up_missed: boolean
  max_catch_up: number | null
  max_concurrent: number | null
  retry_policy: AnyJson
  next_trigger_at: NullableTime
  last_triggered_at: NullableTime
  paused_reason: string | null
  created_at: Time
  updated_at: Time
}

export type ScheduleExecutionsTable = {
  org_id: string
  id: string
  schedule_id: string
  scheduled_at: Time
  manual: boolean
  status: ExecutionStatus
  started_at: Time
  completed_at: NullableTime
  duration_ms: number | null
  error: string | null
  attempts: Generated<number>
  retry_at: NullableTime
  session_id: string | null
  message_id: string | null
  message_sequence: number | null
  turn_id: string | null
  created_at: Time
}

/** The tables as SQL has them. A test compares this with the database. */
export type Tables = {
  organizations: OrganizationsTable
  providers: ProvidersTable
  models: ModelsTable
  agents: AgentsTable
  sessions: SessionsTable
  blobs: BlobsTable
  files: FilesTable
  events: EventsTable
  turns: TurnsTable
  nodes: NodesTable
  failed_turns: FailedTurnsTable
  pauses: PausesTable
  counters: CountersTable
  texts: TextsTable
  idempotency_keys: IdempotencyKeysTable
  snapshots: SnapshotsTable
  session_storage: SessionStorageTable
  mcp_servers: McpServersTable
  users: UsersTable
  identities: IdentitiesTable
  members: MembersTable
  invitations: InvitationsTable
  logins: LoginsTable
  login_states: LoginStatesTable
  api_keys: ApiKeysTable
  access_revision: AccessRevisionTable
  access_changes: AccessChangesTable
  rate_limits: RateLimitsTable
  audit_log: AuditLogTable
  schedules: SchedulesTable
  schedule_executions: ScheduleExecutionsTable
}
