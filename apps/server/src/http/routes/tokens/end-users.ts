import { Readable } from 'node:stream'
import { DeletedEndUser, EndUserQuery, ErrorResponse } from '@outlast/contract'
import { recordAudit } from '../../../store/access/audit-log.ts'
import { endTokensOfEndUser } from '../../../store/access/user-tokens.ts'
import { deleteBudgetsOfEndUser } from '../../../store/budgets/budget-deletion.ts'
import { forgetUserInUsage } from '../../../store/budgets/usage-days.ts'
import { checkHolds, deleteSessionsOfEndUser } from '../../../store/end-user-deletion.ts'
import { deleteImagesOfEndUser } from '../../../store/files/images.ts'
import type { Api } from '../../core/api.ts'
import { auditEntry } from '../../core/audit-entry.ts'
import { auditExport } from '../../core/audit-records.ts'
import { endUserLines } from './end-user-export.ts'

/** All data of one end user of the product, exported and deleted by one request each. */
export function endUserRoutes({ app, node }: Api): void {
  app.route<{ Querystring: EndUserQuery }>({
    method: 'GET',
    url: '/v1/end-users/export',
    exposeHeadRoute: false,
    config: { access: 'admin' },
    schema: {
      operationId: 'export_end_user',
      querystring: EndUserQuery,
      produces: ['application/x-ndjson'],
      response: { '4xx': ErrorResponse },
    },
    async handler(request, reply) {
      const { principal, query, db } = request
      const endUser = { orgId: principal.orgId, user: query.user }
      await auditExport(request, db)
      reply.header('content-type', 'application/x-ndjson; charset=utf-8')
      reply.header('content-disposition', 'attachment; filename="end-user.jsonl"')
      return reply.send(Readable.from(endUserLines(node, db, endUser), { objectMode: false }))
    },
  })

  app.route<{ Querystring: EndUserQuery }>({
    method: 'DELETE',
    url: '/v1/end-users',
    // The handler records it: a transaction of its own for each session.
    config: { access: 'admin', unaudited: true },
    schema: {
      operationId: 'delete_end_user',
      querystring: EndUserQuery,
      response: { 200: DeletedEndUser, '4xx': ErrorResponse },
    },
    async handler(request) {
      const { principal, query } = request
      const { orgId } = principal
      const endUser = { orgId, user: query.user }
      const db = node.shares(orgId)
      await checkHolds(db, endUser)
      const tokens = await db.transaction(async (unit) => {
        const { orgIds, entry } = auditEntry(request, undefined)
        await recordAudit(unit, orgIds, entry)
        return endTokensOfEndUser(unit, orgId, endUser.user)
      })
      const sessions = await deleteSessionsOfEndUser(db, endUser, node.bus.deleted)
      await checkHolds(db, endUser)
      await deleteImagesOfEndUser(db, orgId, endUser.user)
      await forgetUserInUsage(db, orgId, endUser.user)
      await deleteBudgetsOfEndUser(db, orgId, endUser.user)
      return { sessions, tokens }
    },
  })
}
