import type { Generated } from 'kysely'
import type { NullableTime, Time } from '../columns.ts'

export type AlertsTable = {
  id: string
  org_id: string
  name: string
  metric: string
  agent_id: string | null
  threshold: number
  resolve_below: number | null
  window_seconds: number | null
  min_turns: number | null
  repeat_seconds: number | null
  enabled: boolean
  value: number | null
  evaluated_at: NullableTime
  due_at: Time
  created_at: Time
  updated_at: Time
}

export type AlertSamplesTable = {
  alert_id: string
  at: Time
  turns: number
  cost_nanos: number
}

export type AlertFiringsTable = {
  id: string
  alert_id: string
  fired_at: Time
  threshold: number
  value: number
  notified_at: Time
  notifications: Generated<number>
  resolved_at: NullableTime
  resolution: string | null
}
