import type { AuditEntry, AuditExportQuery, AuditQuery } from '@outlast/contract'
import type { CallOptions, Http } from '../http/http.ts'
import { listOf } from '../http/page.ts'

export function audit(http: Http) {
  return {
    /** Lists audit entries, newest first. Requires admin access. */
    list: (query?: AuditQuery, options?: CallOptions) =>
      listOf<AuditEntry>(http, '/v1/audit-log', query, options),
    /** Exports the entries as JSON Lines, an async iterable of chunks of bytes. */
    export: (query?: AuditExportQuery, options?: CallOptions) =>
      http.bytes('/v1/audit-log/export', { query, accept: 'application/x-ndjson' }, options),
  }
}
