import type { AuditEntry, AuditExportQuery } from '@outlast/contract'
import { newId } from '../../ids.ts'
import { batchesOf, countUpToMax, olderThan, type RowRange } from '../batches.ts'
import type { Db } from '../database.ts'

export type NewAuditEntry = Omit<AuditEntry, 'id' | 'created_at' | 'reason'> & {
  reason?: string | null
}

/** Stores an audit entry in each organization that it concerns. */
export async function recordAudit({ kysely }: Db, orgIds: string[], entry: NewAuditEntry) {
  if (orgIds.length === 0) return
  const details = entry.details && JSON.stringify(entry.details)
  const rows = orgIds.map((org_id) => ({ ...entry, details, org_id, id: newId('audit') }))
  await kysely.insertInto('audit_log').values(rows).execute()
}

const columns = [
  'id',
  'created_at',
  'actor_type',
  'actor_id',
  'actor_name',
  'action',
  'target',
  'address',
  'user_agent',
  'request_id',
  'details',
  'reason',
] as const

const matching = ({ kysely }: Db, orgId: string, query: AuditExportQuery) =>
  kysely
    .selectFrom('audit_log')
    .where('org_id', '=', orgId)
    .$if(query.action !== undefined, (q) => q.where('action', '=', query.action!))
    .$if(query.actor_id !== undefined, (q) => q.where('actor_id', '=', query.actor_id!))
    .$if(query.target !== undefined, (q) => q.where('target', '=', query.target!))
    .$if(query.since !== undefined, (q) => q.where('created_at', '>=', query.since!))
    .$if(query.until !== undefined, (q) => q.where('created_at', '<', query.until!))

const batchSize = 500

/** Lists an organization's audit entries in batches, newest first. */
export function listAudit(db: Db, orgId: string, query: AuditExportQuery, span: RowRange) {
  return batchesOf<AuditEntry>(span, batchSize, async ({ after, offset, limit }) => {
    const rows = await matching(db, orgId, query)
      .select(columns)
      .$if(after !== undefined, (q) => q.where(olderThan(after!)))
      .orderBy('created_at', 'desc')
      .orderBy('id', 'desc')
      .offset(offset)
      .limit(limit)
      .execute()
    return rows as AuditEntry[]
  })
}

export const countAudit = (db: Db, orgId: string, query: AuditExportQuery) =>
  countUpToMax(db, matching(db, orgId, query).select('id'))
