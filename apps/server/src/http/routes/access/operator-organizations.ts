import { ErrorResponse, PageQuery, ServerOrganizationPage } from '@outlast/contract'
import type { FastifyRequest } from 'fastify'
import { parseId } from '../../../ids.ts'
import { countAllOrganizations, listAllOrganizations } from '../../../store/access/organizations.ts'
import { defaultOrganization } from '../../../store/models/seeds.ts'
import { deleteOrganization } from '../../../store/organization-deletion.ts'
import type { Api } from '../../core/api.ts'
import { inBatches, sendList } from '../../core/list.ts'

type Params = { organization_id: string }

/** Organizations of the whole server, for its operator. Membership is not required. */
export function operatorRoutes({ app }: Api): void {
  app.route<{ Querystring: PageQuery }>({
    method: 'GET',
    url: '/v1/organizations',
    config: { access: 'operator' },
    schema: {
      operationId: 'list_all_organizations',
      querystring: PageQuery,
      response: { 200: ServerOrganizationPage, '4xx': ErrorResponse },
    },
    handler: ({ query, db }, reply) =>
      sendList(reply, query, {
        batches: inBatches(async (span) =>
          (await listAllOrganizations(db, span)).map(({ role, ...one }) => one),
        ),
        count: () => countAllOrganizations(db),
      }),
  })

  app.route<{ Params: Params }>({
    method: 'DELETE',
    url: '/v1/organizations/:organization_id',
    config: { access: 'operator' },
    schema: {
      operationId: 'delete_any_organization',
      response: { '4xx': ErrorResponse },
    },
    async handler(request, reply) {
      await removeOrganization(request, parseId('organization', request.params.organization_id))
      return reply.code(204).send()
    },
  })
}

/** Starts the deletion of an organization. The audit log of the default one records the caller. */
export async function removeOrganization(request: FastifyRequest, id: string): Promise<void> {
  const name = await deleteOrganization(request.db, id)
  request.auditNote = { orgIds: [defaultOrganization], target: id, details: { name } }
}
