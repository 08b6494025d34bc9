import {
  ErrorResponse,
  WebhookDelivery,
  WebhookDeliveryPage,
  WebhookDeliveryQuery,
} from '@outlast/contract'
import { ApiError } from '../../../errors.ts'
import { listDeliveries, resendDelivery } from '../../../store/webhooks/deliveries.ts'
import { getWebhook } from '../../../store/webhooks/webhooks.ts'
import type { Api } from '../../core/api.ts'
import { listed, rangeOf } from '../../core/page.ts'
import { type WebhookParams, webhookRefOf } from './webhook-kinds.ts'

const base = '/v1/webhooks/:webhook_id/deliveries'

type Params = WebhookParams & { event_id: string }

/** Events of other parts of the server than sessions have ids of their own. */
const eventIdPattern = /^[\w-]{1,100}$/

function eventIn({ event_id }: Params): string {
  if (eventIdPattern.test(event_id)) return event_id
  throw new ApiError('not_found', 'Delivery')
}

/** Events that a webhook has sent or will send. */
export function deliveryRoutes({ app }: Api): void {
  app.route<{ Params: WebhookParams; Querystring: WebhookDeliveryQuery }>({
    method: 'GET',
    url: base,
    config: { access: 'admin' },
    schema: {
      operationId: 'list_webhook_deliveries',
      querystring: WebhookDeliveryQuery,
      response: { 200: WebhookDeliveryPage, '4xx': ErrorResponse },
    },
    async handler({ params, query, principal, db }) {
      const range = rangeOf(query)
      const { id } = await getWebhook(db, webhookRefOf(principal.orgId, params), 'webhook')
      return listed(await listDeliveries(db, id, { ...query, ...range }), range)
    },
  })

  app.route<{ Params: Params }>({
    method: 'POST',
    url: `${base}/:event_id/resend`,
    config: { access: 'admin', bodyOptional: true },
    schema: {
      operationId: 'resend_webhook_delivery',
      response: { 200: WebhookDelivery, '4xx': ErrorResponse },
    },
    async handler(request) {
      const { params, principal, db } = request
      const event_id = eventIn(params)
      const { id } = await getWebhook(db, webhookRefOf(principal.orgId, params), 'webhook')
      request.auditNote = { target: id, details: { event_id } }
      return resendDelivery(db, id, event_id)
    },
  })
}
