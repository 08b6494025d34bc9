import {
  ErrorResponse,
  Organization,
  SwitchOrganization,
  UserPage,
  UserQuery,
} from '@outlast/contract'
import { checkAccount } from '../../../access/principal.ts'
import { ApiError } from '../../../errors.ts'
import { findRole } from '../../../store/access/members.ts'
import { getOrganization } from '../../../store/access/organizations.ts'
import { countUsers, listUsers } from '../../../store/access/users.ts'
import type { Api } from '../../core/api.ts'
import { inBatches, sendList } from '../../core/list.ts'
import { setCookie } from '../../security/cookies.ts'

const cookieSeconds = 31_536_000

export function userRoutes({ app, node: { config } }: Api): void {
  app.route<{ Querystring: UserQuery }>({
    method: 'GET',
    url: '/v1/users',
    schema: {
      operationId: 'list_users',
      querystring: UserQuery,
      response: { 200: UserPage, '4xx': ErrorResponse },
    },
    async handler({ query, principal: { orgId }, db }, reply) {
      return sendList(reply, query, {
        batches: inBatches((span) => listUsers(db, orgId, { ...query, ...span })),
        count: () => countUsers(db, orgId, query),
      })
    },
  })

  app.route<{ Body: SwitchOrganization }>({
    method: 'POST',
    url: '/v1/users/me/switch-org',
    config: { access: 'signed-in', unaudited: true },
    schema: {
      operationId: 'switch_organization',
      body: SwitchOrganization,
      response: { 200: Organization, '4xx': ErrorResponse },
    },
    async handler(request, reply) {
      const { principal, body, db } = request
      checkAccount(principal)
      if (principal.kind !== 'user') throw new ApiError('users_only')
      const role = await findRole(db, body.org_id, principal.userId)
      if (!role) throw new ApiError('not_found', 'Organization')
      setCookie(request, reply, config, {
        name: 'outlast_org',
        value: body.org_id,
        maxAge: cookieSeconds,
      })
      return getOrganization(db, body.org_id, role)
    },
  })
}
