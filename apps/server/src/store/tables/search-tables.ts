import type { Generated } from 'kysely'
import type { Time } from '../columns.ts'

export type SearchDueTable = {
  session_id: string
  org_id: string
  due_at: Time
  changes: Generated<number>
}

export type SearchSessionsTable = {
  org_id: string
  session_id: string
  sequence: Generated<number>
  part: Generated<number>
  part_words: Generated<number>
  active_at: Time
  cost_nanos: Generated<number>
}

export type SearchWordsTable = {
  org_id: string
  session_id: string
  created_at: Time
  part: number
  from_sequence: number
  to_sequence: number
  words: string
}

export type SearchBackfillTable = { after_org: string; after_session: string }
