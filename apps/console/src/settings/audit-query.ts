import type { AuditExportQuery } from '@outlast/sdk'
import type { SettingsSearch } from '../search.ts'

const dayMs = 86_400_000
const spans: Record<string, number> = { day: 1, week: 7, month: 30 }

export type AuditFilters = Pick<SettingsSearch, 'action' | 'target' | 'since'>

export function queryOf(
  { action, target, since }: AuditFilters,
  nowMs = Date.now(),
): AuditExportQuery {
  const days = since && spans[since]
  return {
    ...(action && { action }),
    ...(target && { target }),
    ...(days && { since: new Date(nowMs - days * dayMs).toISOString() }),
  }
}
