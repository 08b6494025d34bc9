import type { AgentChannel, AgentKey, Role, Scope, SessionToken } from '@outlast/contract'
import type { Generated, JSONColumnType } from 'kysely'
import type { Details, NullableTime, Time } from '../columns.ts'

export type UsersTable = {
  id: string
  email: string
  name: string
  password_hash: string | null
  auth_provider: Generated<string>
  avatar_url: string | null
  is_settings_admin: Generated<boolean>
  disabled_at: NullableTime
  created_at: Time
  updated_at: Time
}

export type IdentitiesTable = {
  provider: string
  subject: string
  user_id: string
  created_at: Time
}

export type MasterKeysTable = {
  id: string
  sealed: string
  created_at: Generated<Time>
  replaced_at: NullableTime
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
  ancestors: Generated<string[]>
  parent_id: Generated<string | null>
  expires_at: NullableTime
  last_used_at: NullableTime
  created_at: Time
}

type TokenAccess = SessionToken['access']
type TokenView = SessionToken['view']
type TokenFiles = SessionToken['files']

export type SessionTokensTable = {
  org_id: string
  id: string
  session_id: string | null
  end_user: string | null
  agent_ids: string[] | null
  user_id: string | null
  key_id: string | null
  login_id: string | null
  access: TokenAccess
  models: string[]
  tool_results: string[]
  view: TokenView
  files: TokenFiles
  operations: string[] | null
  share_name: string | null
  expires_at: Time
  created_at: Time
}

type ChannelType = AgentChannel['channel_type']
type ChannelStatus = AgentChannel['status']
type KeyPermissions = AgentKey['permissions']

export type AgentChannelsTable = {
  org_id: string
  id: string
  agent_id: string
  channel_type: ChannelType
  config: JSONColumnType<object>
  client_secret: string | null
  enabled: boolean
  status: Generated<ChannelStatus>
  created_at: Time
  updated_at: Time
}

export type AgentKeysTable = {
  org_id: string
  id: string
  channel_id: string
  name: string
  key_prefix: string
  permissions: KeyPermissions
  hash: string
  previous_hash: string | null
  previous_valid_until: NullableTime
  expires_at: NullableTime
  last_used_at: NullableTime
  revoked_at: NullableTime
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
  reason: string | null
}

export type SessionPinsTable = {
  org_id: string
  session_id: string
  user_id: string
  created_at: Time
}

export type IdempotencyKeysTable = {
  org_id: string
  principal: string
  method: string
  path: string
  key: string
  body_hash: string
  status: number | null
  answer: string | null
  session_ids: Generated<string[]>
  counted_bytes: Generated<number>
  created_at: Time
}
