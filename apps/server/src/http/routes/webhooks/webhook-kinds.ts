import { ErrorResponse, PageQuery } from '@outlast/contract'
import type { TSchema } from 'typebox'
import { parseId } from '../../../ids.ts'
import type { Db } from '../../../store/database.ts'
import {
  countWebhooks,
  deleteWebhook,
  getWebhook,
  listWebhooks,
  type WebhookKind,
} from '../../../store/webhooks/webhooks.ts'
import type { Api } from '../../core/api.ts'
import { withoutQuery } from '../../core/audit-entry.ts'
import { inBatches, sendList } from '../../core/list.ts'
import { checkNumber } from '../../core/number-limit.ts'

export type WebhookParams = { webhook_id: string }

/** The webhook that a path names. */
export const webhookRefOf = (orgId: string, { webhook_id }: WebhookParams) => ({
  orgId,
  id: parseId('webhook', webhook_id),
})

const webhooksMax = 100

/** Contract: throws 403 when an organization has as many webhooks of a kind as it may. */
export const checkWebhookNumber = (db: Db, orgId: string, of: WebhookKind) =>
  checkNumber({ max: webhooksMax, what: 'webhooks', count: () => countWebhooks(db, orgId, of) })

/** The audit entry of a new address. */
export const addressChange = ({ id, url }: { id: string; url: string }, after: string) => ({
  target: id,
  details: { before: withoutQuery(url), after: withoutQuery(after) },
})

type KindOfWebhook = {
  base: string
  kind: WebhookKind
  item: TSchema
  page: TSchema
  /** Names of the operations. */
  names: Record<'list' | 'get' | 'delete', string>
}

/** The operations that both kinds of webhooks share. */
export function webhookKindRoutes({ app }: Api, { base, kind, ...of }: KindOfWebhook): void {
  const one = `${base}/:webhook_id`

  app.route<{ Querystring: PageQuery }>({
    method: 'GET',
    url: base,
    config: { access: 'admin' },
    schema: {
      operationId: of.names.list,
      querystring: PageQuery,
      response: { 200: of.page, '4xx': ErrorResponse },
    },
    async handler({ query, principal: { orgId }, db }, reply) {
      return sendList(reply, query, {
        batches: inBatches((range) => listWebhooks(db, { orgId, kind }, range)),
        count: () => countWebhooks(db, orgId, kind),
      })
    },
  })

  app.route<{ Params: WebhookParams }>({
    method: 'GET',
    url: one,
    config: { access: 'admin' },
    schema: { operationId: of.names.get, response: { 200: of.item, '4xx': ErrorResponse } },
    handler: ({ params, principal, db }) =>
      getWebhook(db, webhookRefOf(principal.orgId, params), kind),
  })

  app.route<{ Params: WebhookParams }>({
    method: 'DELETE',
    url: one,
    config: { access: 'admin' },
    schema: { operationId: of.names.delete, response: { '4xx': ErrorResponse } },
    async handler({ params, principal, db }, reply) {
      await deleteWebhook(db, webhookRefOf(principal.orgId, params), kind)
      return reply.code(204).send()
    },
  })
}
