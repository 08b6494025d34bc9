import { randomBytes } from 'node:crypto'
import {
  AcceptInvitation,
  CreatedInvitation,
  ErrorResponse,
  InvitationPage,
  NewInvitation,
  Organization,
  PageQuery,
} from '@outlast/contract'
import { checkAccount } from '../../../access/principal.ts'
import { secretHash } from '../../../access/tokens.ts'
import { ApiError } from '../../../errors.ts'
import { parseId } from '../../../ids.ts'
import {
  countInvitations,
  createInvitation,
  deleteInvitation,
  listInvitations,
  takeInvitation,
} from '../../../store/access/invitations.ts'
import { addMember, findRole } from '../../../store/access/members.ts'
import { getOrganization } from '../../../store/access/organizations.ts'
import { findAccount } from '../../../store/access/users.ts'
import type { Api } from '../../core/api.ts'
import { inBatches, sendList } from '../../core/list.ts'
import { checkNumber } from '../../core/number-limit.ts'

const daysDefault = 7

type Params = { org_id: string }

export function invitationRoutes(api: Api): void {
  openInvitationRoutes(api)
  acceptRoute(api)
}

function openInvitationRoutes({ app, node: { config } }: Api): void {
  app.route<{ Params: Params; Querystring: PageQuery }>({
    method: 'GET',
    url: '/v1/orgs/:org_id/invitations',
    config: { access: 'admin' },
    schema: {
      operationId: 'list_invitations',
      querystring: PageQuery,
      response: { 200: InvitationPage, '4xx': ErrorResponse },
    },
    handler({ query, principal: { orgId }, db }, reply) {
      return sendList(reply, query, {
        batches: inBatches((span) => listInvitations(db, orgId, span)),
        count: () => countInvitations(db, orgId),
      })
    },
  })

  app.route<{ Params: Params; Body: NewInvitation }>({
    method: 'POST',
    url: '/v1/orgs/:org_id/invitations',
    config: { access: 'admin', answersSecret: true },
    schema: {
      operationId: 'create_invitation',
      body: NewInvitation,
      response: { 201: CreatedInvitation, '4xx': ErrorResponse },
    },
    async handler(request, reply) {
      const { body, principal, db: unit } = request
      if (principal.kind === 'anonymous') throw new ApiError('authentication_off')
      const role = body.role ?? 'member'
      if (role === 'owner' && principal.role !== 'owner') throw new ApiError('forbidden', 'owner')
      await checkNumber({
        max: config.INVITATIONS_MAX,
        what: 'open invitations',
        count: () => countInvitations(unit, principal.orgId),
      })
      const token = `invite_${randomBytes(32).toString('base64url')}`
      const made = await createInvitation(unit, principal.orgId, {
        email: body.email,
        role,
        tokenHash: secretHash(token),
        invitedBy: principal.name,
        days: body.expires_in_days ?? daysDefault,
      })
      request.auditNote = { target: made.id, details: { email: made.email, role } }
      return reply.code(201).send({ ...made, token })
    },
  })

  app.route<{ Params: Params & { invitation_id: string } }>({
    method: 'DELETE',
    url: '/v1/orgs/:org_id/invitations/:invitation_id',
    config: { access: 'admin' },
    schema: {
      operationId: 'delete_invitation',
      response: { '4xx': ErrorResponse },
    },
    async handler({ params, principal, db: unit }, reply) {
      await deleteInvitation(unit, principal.orgId, parseId('invitation', params.invitation_id))
      return reply.code(204).send()
    },
  })
}

function acceptRoute({ app }: Api): void {
  app.route<{ Body: AcceptInvitation }>({
    method: 'POST',
    url: '/v1/invitations/accept',
    config: { access: 'signed-in' },
    schema: {
      operationId: 'accept_invitation',
      body: AcceptInvitation,
      response: { 200: Organization, '4xx': ErrorResponse },
    },
    async handler(request) {
      const { body, principal, db: unit } = request
      checkAccount(principal)
      const account =
        principal.kind === 'user' ? await findAccount(unit, principal.userId) : undefined
      if (!account) throw new ApiError('users_only')
      const { org_id, role } = await takeInvitation(unit, secretHash(body.token), account.email)
      await addMember(unit, org_id, account.id, role)
      request.auditNote = { orgIds: [org_id], target: account.id, details: { role } }
      return getOrganization(unit, org_id, (await findRole(unit, org_id, account.id)) ?? role)
    },
  })
}
