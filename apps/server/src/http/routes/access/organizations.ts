import {
  ErrorResponse,
  NewOrganization,
  Organization,
  OrganizationChange,
  OrganizationPage,
  PageQuery,
} from '@outlast/contract'
import { checkAccount, hasAccount } from '../../../access/principal.ts'
import { allowsSignUp } from '../../../access/sign-in.ts'
import { ApiError } from '../../../errors.ts'
import { addMember } from '../../../store/access/members.ts'
import {
  countAllOrganizations,
  countOrganizations,
  countOwned,
  createOrganization,
  getOrganization,
  listAllOrganizations,
  listOrganizations,
  updateOrganization,
} from '../../../store/access/organizations.ts'
import type { Api } from '../../core/api.ts'
import { inBatches, sendList } from '../../core/list.ts'
import { invitationRoutes } from './invitations.ts'
import { memberRoutes } from './members.ts'
import { operatorRoutes, removeOrganization } from './operator-organizations.ts'

type Params = { org_id: string }

export function organizationRoutes(api: Api): void {
  ownOrganizationRoutes(api)
  organizationRoute(api)
  operatorRoutes(api)
  memberRoutes(api)
  invitationRoutes(api)
}

function ownOrganizationRoutes({ app, node }: Api): void {
  app.route<{ Querystring: PageQuery }>({
    method: 'GET',
    url: '/v1/orgs',
    config: { access: 'signed-in' },
    schema: {
      operationId: 'list_organizations',
      querystring: PageQuery,
      response: { 200: OrganizationPage, '4xx': ErrorResponse },
    },
    async handler({ query, principal, db }, reply) {
      const { kind, userId, orgId, role } = principal
      if (kind === 'key' || !hasAccount(principal)) {
        const one = await getOrganization(db, orgId, role)
        const batches = inBatches(async ({ offset }) => (offset > 0 ? [] : [one]))
        return sendList(reply, query, { batches, count: async () => 1 })
      }
      const isEverybody = kind === 'anonymous'
      return sendList(reply, query, {
        batches: inBatches((span) =>
          isEverybody ? listAllOrganizations(db, span) : listOrganizations(db, userId, span),
        ),
        count: () => (isEverybody ? countAllOrganizations(db) : countOrganizations(db, userId)),
      })
    },
  })

  app.route<{ Body: NewOrganization }>({
    method: 'POST',
    url: '/v1/orgs',
    config: { access: 'signed-in' },
    schema: {
      operationId: 'create_organization',
      body: NewOrganization,
      response: { 201: Organization, '4xx': ErrorResponse },
    },
    async handler(request, reply) {
      const { body, principal, db: unit } = request
      if (principal.kind === 'key') throw new ApiError('users_only')
      if (principal.kind === 'user') {
        checkAccount(principal)
        const count = await countOrganizations(unit, principal.userId)
        // A user that was removed from all organizations cannot return by creating one.
        if (count === 0 && !allowsSignUp(node.config)) throw new ApiError('registration_disabled')
        const max = node.config.ORGANIZATIONS_PER_USER
        if (max > 0 && (await countOwned(unit, principal.userId)) >= max) {
          throw new ApiError('quota_exceeded', `${max} organizations per user`)
        }
      }
      const made = await createOrganization(unit, body.name)
      if (principal.kind === 'user') await addMember(unit, made.id, principal.userId, 'owner')
      request.auditNote = { orgIds: [made.id] }
      return reply.code(201).send(made)
    },
  })
}

function organizationRoute({ app, node }: Api): void {
  app.route<{ Params: Params }>({
    method: 'GET',
    url: '/v1/orgs/:org_id',
    schema: {
      operationId: 'get_organization',
      response: { 200: Organization, '4xx': ErrorResponse },
    },
    handler: ({ principal, db }) => getOrganization(db, principal.orgId, principal.role),
  })

  app.route<{ Params: Params; Body: OrganizationChange }>({
    method: 'PATCH',
    url: '/v1/orgs/:org_id',
    config: { access: 'admin' },
    schema: {
      operationId: 'update_organization',
      body: OrganizationChange,
      response: { 200: Organization, '4xx': ErrorResponse },
    },
    async handler(request) {
      const { principal, body, db: unit } = request
      const { orgId, role } = principal
      const { retention_days } = body
      const daysMin = node.config.AUDIT_RETENTION_DAYS_MIN
      if (retention_days && retention_days < daysMin) {
        throw new ApiError('retention_too_short', String(daysMin))
      }
      await updateOrganization(unit, orgId, body)
      if (retention_days !== undefined) request.auditNote = { details: { retention_days } }
      return getOrganization(unit, orgId, role)
    },
  })

  app.route<{ Params: Params }>({
    method: 'DELETE',
    url: '/v1/orgs/:org_id',
    config: { access: 'admin' },
    schema: {
      operationId: 'delete_organization',
      response: { '4xx': ErrorResponse },
    },
    async handler(request, reply) {
      if (request.principal.role !== 'owner') throw new ApiError('forbidden', 'owner')
      await removeOrganization(request, request.principal.orgId)
      return reply.code(204).send()
    },
  })
}
