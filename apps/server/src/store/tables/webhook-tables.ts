import type { Generated, JSONColumnType } from 'kysely'
import type { NullableTime, Time } from '../columns.ts'

export type WebhooksTable = {
  org_id: string
  id: string
  url: string
  description: string | null
  event_types: string[]
  agent_id: string | null
  channel_id: string | null
  for_tasks: Generated<boolean>
  secret: string | null
  previous_secret: string | null
  previous_valid_until: NullableTime
  enabled: Generated<boolean>
  disabled_reason: string | null
  failing_since: NullableTime
  failures: Generated<number>
  resume_at: NullableTime
  deleted_at: NullableTime
  created_at: Time
  updated_at: Time
}

export type WebhookDeliveriesTable = {
  org_id: string
  webhook_id: string
  event_id: string
  event_type: string
  body: JSONColumnType<object>
  status: Generated<string>
  attempts: Generated<number>
  due_at: NullableTime
  claim: Generated<number>
  attempted_at: NullableTime
  response_status: number | null
  duration_ms: number | null
  error: string | null
  created_at: Time
}
