import { Account, AccountChange, AccountPage, ErrorResponse, UserQuery } from '@outlast/contract'
import type { FastifyRequest } from 'fastify'
import { ApiError } from '../../../errors.ts'
import { parseUuid } from '../../../ids.ts'
import {
  countAccounts,
  deleteAccount,
  listAccounts,
  lockAccount,
  setDisabled,
} from '../../../store/access/accounts.ts'
import { endLogins, membershipsOf } from '../../../store/access/logins.ts'
import { findRole } from '../../../store/access/members.ts'
import { defaultOrganization } from '../../../store/models/seeds.ts'
import type { Api } from '../../core/api.ts'
import { inBatches, sendList } from '../../core/list.ts'

type Params = { user_id: string }

/** Accounts of all organizations, for the operator of the server. */
export function accountRoutes({ app }: Api): void {
  app.route<{ Querystring: UserQuery }>({
    method: 'GET',
    url: '/v1/accounts',
    config: { access: 'operator' },
    schema: {
      operationId: 'list_accounts',
      querystring: UserQuery,
      response: { 200: AccountPage, '4xx': ErrorResponse },
    },
    handler: ({ query, db }, reply) =>
      sendList(reply, query, {
        batches: inBatches((span) => listAccounts(db, { ...query, ...span })),
        count: () => countAccounts(db, query),
      }),
  })

  app.route<{ Params: Params; Body: AccountChange }>({
    method: 'PATCH',
    url: '/v1/accounts/:user_id',
    config: { access: 'operator' },
    schema: {
      operationId: 'update_account',
      body: AccountChange,
      response: { 200: Account, '4xx': ErrorResponse },
    },
    async handler(request) {
      const { disabled } = request.body
      const { id } = await lockTarget(request, { protects: disabled })
      request.auditNote!.details = { ...request.auditNote!.details, disabled }
      return setDisabled(request.db, id, disabled)
    },
  })

  app.route<{ Params: Params }>({
    method: 'DELETE',
    url: '/v1/accounts/:user_id',
    config: { access: 'operator' },
    schema: {
      operationId: 'delete_account',
      response: { '4xx': ErrorResponse },
    },
    async handler(request, reply) {
      const { id } = await lockTarget(request, { protects: true })
      await deleteAccount(request.db, id)
      return reply.code(204).send()
    },
  })

  app.route<{ Params: Params }>({
    method: 'DELETE',
    url: '/v1/accounts/:user_id/logins',
    config: { access: 'operator' },
    schema: {
      operationId: 'delete_account_logins',
      response: { '4xx': ErrorResponse },
    },
    async handler(request, reply) {
      const { id } = await lockTarget(request, { protects: false })
      await endLogins(request.db, id)
      return reply.code(204).send()
    },
  })
}

/**
 * The account of the path, noted for the audit logs of its organizations.
 * Contract: throws 404; 403 for an owner of the default organization where the caller is none; 409,
 * when `protects`, for the caller's own account and that of the settings' administrator.
 */
async function lockTarget(
  request: FastifyRequest<{ Params: Params }>,
  { protects }: { protects: boolean },
) {
  const { db: unit, principal, params } = request
  if (principal.kind === 'anonymous') throw new ApiError('authentication_off')
  const id = parseUuid('user', params.user_id)
  const account = await lockAccount(unit, id)
  const role = await findRole(unit, defaultOrganization, id)
  if (role === 'owner' && principal.role !== 'owner') throw new ApiError('forbidden', 'owner')
  if (protects && (account.is_settings_admin || id === principal.userId)) {
    throw new ApiError('account_protected')
  }
  const orgIds = (await membershipsOf(unit, id)).map(({ org_id }) => org_id)
  request.auditNote = {
    orgIds: [...new Set([defaultOrganization, ...orgIds])],
    target: id,
    details: { email: account.email },
  }
  return account
}
