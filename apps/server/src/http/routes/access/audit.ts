import { Readable } from 'node:stream'
import { AuditExportQuery, AuditPage, AuditQuery, ErrorResponse } from '@outlast/contract'
import { countAudit, listAudit } from '../../../store/access/audit-log.ts'
import type { Api } from '../../core/api.ts'
import { auditExport } from '../../core/audit-records.ts'
import { begun } from '../../core/list.ts'
import { listed, rangeOf } from '../../core/page.ts'
import { inUtc } from '../../core/utc.ts'

export function auditRoutes({ app }: Api): void {
  app.route<{ Querystring: AuditQuery }>({
    method: 'GET',
    url: '/v1/audit-log',
    config: { access: 'admin' },
    schema: {
      operationId: 'list_audit_log',
      querystring: AuditQuery,
      response: { 200: AuditPage, '4xx': ErrorResponse },
    },
    async handler({ query: given, principal: { orgId }, db }) {
      const query = inUtc(given)
      const range = rangeOf(query)
      const data = []
      for await (const batch of listAudit(db, orgId, query, range)) data.push(...batch)
      return listed({ data, ...(await countAudit(db, orgId, query)) }, range)
    },
  })

  app.route<{ Querystring: AuditExportQuery }>({
    method: 'GET',
    url: '/v1/audit-log/export',
    config: { access: 'admin' },
    exposeHeadRoute: false,
    schema: {
      operationId: 'export_audit_log',
      querystring: AuditExportQuery,
      produces: ['application/x-ndjson'],
      response: { '4xx': ErrorResponse },
    },
    async handler(request, reply) {
      const { query, principal, db } = request
      const all = { offset: 0, limit: Number.MAX_SAFE_INTEGER }
      const batches = await begun(listAudit(db, principal.orgId, inUtc(query), all))
      await auditExport(request, db)
      async function* lines() {
        for await (const batch of batches) yield batch.map((entry) => `${entry}\n`).join('')
      }
      reply.header('content-type', 'application/x-ndjson; charset=utf-8')
      reply.header('content-disposition', 'attachment; filename="audit-log.ndjson"')
      return reply.send(Readable.from(lines(), { objectMode: false }))
    },
  })
}
