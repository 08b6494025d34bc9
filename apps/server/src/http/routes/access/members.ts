import { ErrorResponse, Member, MemberChange, MemberPage, PageQuery } from '@outlast/contract'
import { parseUuid } from '../../../ids.ts'
import {
  changeRole,
  countMembers,
  listMembers,
  removeMember,
} from '../../../store/access/members.ts'
import type { Api } from '../../core/api.ts'
import { inBatches, sendList } from '../../core/list.ts'

type Params = { org_id: string; user_id: string }

export function memberRoutes({ app }: Api): void {
  app.route<{ Params: Pick<Params, 'org_id'>; Querystring: PageQuery }>({
    method: 'GET',
    url: '/v1/orgs/:org_id/members',
    schema: {
      operationId: 'list_members',
      querystring: PageQuery,
      response: { 200: MemberPage, '4xx': ErrorResponse },
    },
    handler({ query, principal: { orgId }, db }, reply) {
      return sendList(reply, query, {
        batches: inBatches((span) => listMembers(db, orgId, span)),
        count: () => countMembers(db, orgId),
      })
    },
  })

  app.route<{ Params: Params; Body: MemberChange }>({
    method: 'PATCH',
    url: '/v1/orgs/:org_id/members/:user_id',
    config: { access: 'admin' },
    schema: {
      operationId: 'update_member',
      body: MemberChange,
      response: { 200: Member, '4xx': ErrorResponse },
    },
    async handler(request) {
      const { params, principal, body, db: unit } = request
      const userId = parseUuid('user', params.user_id)
      const change = { orgId: principal.orgId, userId, by: principal.role }
      request.auditNote = { target: userId, details: { role: body.role } }
      return changeRole(unit, change, body.role)
    },
  })

  app.route<{ Params: Params }>({
    method: 'DELETE',
    url: '/v1/orgs/:org_id/members/:user_id',
    config: { access: 'admin' },
    schema: {
      operationId: 'delete_member',
      response: { '4xx': ErrorResponse },
    },
    async handler({ params, principal, db: unit }, reply) {
      const userId = parseUuid('user', params.user_id)
      await removeMember(unit, { orgId: principal.orgId, userId, by: principal.role })
      return reply.code(204).send()
    },
  })
}
