import {
  ErrorResponse,
  NewTaskWebhook,
  TaskWebhook,
  TaskWebhookChange,
  TaskWebhookPage,
} from '@outlast/contract'
import { newId } from '../../../ids.ts'
import { createWebhook, getWebhook, updateWebhook } from '../../../store/webhooks/webhooks.ts'
import type { Api } from '../../core/api.ts'
import {
  addressChange,
  checkWebhookNumber,
  type WebhookParams,
  webhookKindRoutes,
  webhookRefOf,
} from './webhook-kinds.ts'
import { checkReceiverUrl, recordEvents, sealWebhookSecret } from './webhooks.ts'

const base = '/v1/task-webhooks'
const one = `${base}/:webhook_id`
const kind = 'task_webhook'

/** The ends of turns, which published clients know as tasks. */
const events = ['turn.completed', 'turn.failed', 'turn.cancelled']

/** Webhooks as published clients know them, with a secret of the client. */
export function taskWebhookRoutes(api: Api): void {
  webhookKindRoutes(api, {
    ...{ base, kind, item: TaskWebhook, page: TaskWebhookPage },
    names: { list: 'list_task_webhooks', get: 'get_task_webhook', delete: 'delete_task_webhook' },
  })
  creationRoute(api)
  changeRoute(api)
}

function creationRoute({ app, node }: Api): void {
  app.route<{ Body: NewTaskWebhook }>({
    method: 'POST',
    url: base,
    config: { access: 'admin', hasSecret: true },
    schema: {
      operationId: 'create_task_webhook',
      body: NewTaskWebhook,
      response: { 201: TaskWebhook, '4xx': ErrorResponse },
    },
    preHandler: ({ db }) => recordEvents(db),
    async handler({ body, principal: { orgId }, db }, reply) {
      const ref = { orgId, id: newId('webhook') }
      const url = checkReceiverUrl(node, orgId, body.url)
      await checkWebhookNumber(db, orgId, kind)
      await createWebhook(db, ref, {
        kind,
        url,
        event_types: events,
        description: null,
        agent_id: null,
        channel_id: null,
        enabled: body.enabled ?? true,
        secret: body.secret == null ? null : sealWebhookSecret(node, ref, body.secret),
      })
      return reply.code(201).send(await getWebhook(db, ref, kind))
    },
  })
}

function changeRoute({ app, node }: Api): void {
  app.route<{ Params: WebhookParams; Body: TaskWebhookChange }>({
    method: 'PATCH',
    url: one,
    config: { access: 'admin', hasSecret: true },
    schema: {
      operationId: 'update_task_webhook',
      body: TaskWebhookChange,
      response: { 200: TaskWebhook, '4xx': ErrorResponse },
    },
    async handler(request) {
      const { params, principal, db } = request
      const { url, secret, enabled } = request.body
      const ref = webhookRefOf(principal.orgId, params)
      const before = await getWebhook(db, ref, kind)
      await updateWebhook(db, ref, {
        kind,
        ...(url != null && { url: checkReceiverUrl(node, ref.orgId, url) }),
        ...(secret !== undefined && {
          secret: secret === null ? null : sealWebhookSecret(node, ref, secret),
        }),
        ...(enabled != null && { enabled }),
      })
      if (url != null) request.auditNote = addressChange(before, url)
      return getWebhook(db, ref, kind)
    },
  })
}
