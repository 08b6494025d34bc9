import type { Generated } from 'kysely'
import type { AnyJson, NullableTime, Numeric, Time } from '../columns.ts'

export type BudgetsTable = {
  org_id: string
  id: string
  subject_type: string
  subject_id: string
  currency: string
  limit_amount: Numeric
  soft_limit: Numeric | null
  period: AnyJson
  period_started_at: Time
  period_ends_at: NullableTime
  used: Generated<Numeric>
  reserved: Generated<Numeric>
  credits: Generated<Numeric>
  lent: Generated<Numeric>
  status: Generated<string>
  on_exhausted: Generated<string>
  warned_at: NullableTime
  soft_warned_at: NullableTime
  refused_at: NullableTime
  awaited: Generated<boolean>
  metadata: AnyJson
  created_at: Time
  updated_at: Time
}

export type BudgetLedgerTable = {
  budget_id: string
  id: Generated<number>
  org_id: string
  kind: string
  amount: Numeric
  reserved: Numeric | null
  reserved_at: NullableTime
  meter_source: string
  ref_type: string
  ref_id: string | null
  session_id: string | null
  turn_id: string | null
  description: string | null
  created_at: Time
}

export type BudgetShardsTable = {
  budget_id: string
  shard: number
  allotted: Generated<Numeric>
  used: Generated<Numeric>
  reserved: Generated<Numeric>
  lent_until: Time
}

export type UsageDaysTable = {
  org_id: string
  day: string
  agent_id: string
  model: string
  user_id: string
  key_id: string
  shard: number
  calls: Generated<number>
  input_tokens: Generated<number>
  output_tokens: Generated<number>
  cache_read_tokens: Generated<number>
  cache_creation_tokens: Generated<number>
  cost_nanos: number | null
}
