import { Readable } from 'node:stream'
import { AuditExportQuery, AuditPage, AuditQuery, ErrorResponse } from '@outlast/contract'
import { countAudit, listAudit } from '../store/audit-log.ts'
import type { Api } from './api.ts'
import { listed, rangeOf } from './page.ts'

const tags = ['audit']

export function auditRoutes({ app, node: { db } }: Api): void {
  app.route<{ Querystring: AuditQuery }>({
    method: 'GET',
    url: '/v1/audit-log',
    config: { access: 'admin' },
    schema: {
      operationId: 'list_audit_log',
      summary: 'Who did what to what, from where, when; newest first.',
      tags,
      querystring: AuditQuery,
      response: { 200: AuditPage, '4xx': ErrorResponse },
    },
    async handler({ query, principal: { orgId } }) {
      const range = rangeOf(query)
      const data = []
      for await (const batch of listAudit(db, orgId, query, range)) data.push(...batch)
      return listed({ data, total: await countAudit(db, orgId, query) }, range)
    },
  })

  app.route<{ Querystring: AuditExportQuery }>({
    method: 'GET',
    url: '/v1/audit-log/export',
    config: { access: 'admin' },
    exposeHeadRoute: false,
    schema: {
      operationId: 'export_audit_log',
      summary: 'The audit log as one JSON object a line, newest first.',
      tags,
      querystring: AuditExportQuery,
      produces: ['application/x-ndjson'],
      response: { '4xx': ErrorResponse },
    },
    async handler({ query, principal: { orgId } }, reply) {
      const all = { offset: 0, limit: Number.MAX_SAFE_INTEGER }
      async function* lines() {
        for await (const batch of listAudit(db, orgId, query, all)) {
          yield batch.map((entry) => `${JSON.stringify(entry)}\n`).join('')
        }
      }
      reply.header('content-type', 'application/x-ndjson; charset=utf-8')
      reply.header('content-disposition', 'attachment; filename="audit-log.ndjson"')
      return reply.send(Readable.from(lines(), { objectMode: false }))
    },
  })
}
