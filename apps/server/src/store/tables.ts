import type { CapabilityUse } from '@outlast/contract'
import type { ColumnType, Generated, JSONColumnType } from 'kysely'

/** Written as a string, read back as an RFC 3339 string. */
type Time = ColumnType<string, string | undefined, string>
type NullableTime = ColumnType<string | null, string | null | undefined, string | null>
type Uses = JSONColumnType<CapabilityUse[], string | undefined, string>

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
  status: Generated<string>
  preview: string | null
  output_preview: string | null
  input_tokens: Generated<number>
  output_tokens: Generated<number>
  cache_read_tokens: number | null
  cache_creation_tokens: number | null
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

/** The tables as SQL has them. A test compares this with the database. */
export type Tables = {
  organizations: OrganizationsTable
  providers: ProvidersTable
  models: ModelsTable
  agents: AgentsTable
  sessions: SessionsTable
  events: EventsTable
  turns: TurnsTable
  nodes: NodesTable
  counters: CountersTable
  texts: TextsTable
  idempotency_keys: IdempotencyKeysTable
  snapshots: SnapshotsTable
}
