import type { AuditEntry, AuditExportQuery, AuditQuery } from '@outlast/contract'
import type { CallOptions, Http } from './http.ts'
import { listOf } from './page.ts'

export function audit(http: Http) {
  return {
    /** Who changed what, the latest first. For admins. */
    list: (query?: AuditQuery, options?: CallOptions) =>
      listOf<AuditEntry>(http, '/v1/audit-log', query, options),
    /** The entries as JSON lines: an async iterable of bytes, in the chunks of the network. */
    export: (query?: AuditExportQuery, options?: CallOptions) =>
      http.bytes('/v1/audit-log/export', { query, accept: 'application/x-ndjson' }, options),
  }
}
