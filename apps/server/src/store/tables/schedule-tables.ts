import type { ExecutionStatus } from '@outlast/contract'
import type { Generated, JSONColumnType } from 'kysely'
import type { AnyJson, NullableTime, Time } from '../columns.ts'

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
  api_key_id: string | null
  account_id: string | null
  created_at: Time
  updated_at: Time
}

export type ScheduleLooksTable = {
  singleton: Generated<boolean>
  since: Time
  latest: Time
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
