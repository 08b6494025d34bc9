import type { AuditEntry, AuditExportQuery, AuditQuery } from '@outlast/contract'
import { bytesOf, type CallOptions, type Http } from './http.ts'
import { listOf } from './page.ts'

export function audit(http: Http) {
  return {
    list: (query?: AuditQuery, options?: CallOptions) =>
      listOf<AuditEntry>(http, '/v1/audit-log', query, options),
    /** The entries as JSON lines, in the portions in which they come. */
    export: (query?: AuditExportQuery, options?: CallOptions) =>
      http
        .open('GET', '/v1/audit-log/export', { query, accept: 'application/x-ndjson' }, options)
        .then(bytesOf),
  }
}
