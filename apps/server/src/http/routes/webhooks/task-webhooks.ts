import {
  ErrorResponse,
  NewTaskWebhook,
  PageQuery,
  TaskWebhook,
  TaskWebhookChange,
  TaskWebhookPage,
} from '@outlast/contract'
import { newId } from '../../../ids.ts'
import {
  countWebhooks,
  createWebhook,
  deleteWebhook,
  getWebhook,
  listWebhooks,
  updateWebhook,
} from '../../../store/webhooks/webhooks.ts'
import type { Api } from '../../core/api.ts'
import { inBatches, sendList } from '../../core/list.ts'
import {
  checkReceiverUrl,
  checkWebhookNumber,
  recordEvents,
  sealWebhookSecret,
  type WebhookParams,
  webhookRefOf,
} from './webhooks.ts'

const base = '/v1/task-webhooks'
const one = `${base}/:webhook_id`
const kind = 'task_webhook'

/** The ends of turns, which published clients know as tasks. */
const events = ['turn.completed', 'turn.failed', 'turn.cancelled']

/** Webhooks as published clients know them, with a secret of the client. */
export function taskWebhookRoutes(api: Api): void {
  listRoutes(api)
  itemRoutes(api)
}

function listRoutes({ app, node }: Api): void {
  app.route<{ Querystring: PageQuery }>({
    method: 'GET',
    url: base,
    config: { access: 'admin' },
    schema: {
      operationId: 'list_task_webhooks',
      querystring: PageQuery,
      response: { 200: TaskWebhookPage, '4xx': ErrorResponse },
    },
    async handler({ query, principal: { orgId }, db }, reply) {
      return sendList(reply, query, {
        batches: inBatches((range) => listWebhooks(db, { orgId, kind }, range)),
        count: () => countWebhooks(db, orgId, kind),
      })
    },
  })

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

function itemRoutes({ app, node }: Api): void {
  app.route<{ Params: WebhookParams }>({
    method: 'GET',
    url: one,
    config: { access: 'admin' },
    schema: {
      operationId: 'get_task_webhook',
      response: { 200: TaskWebhook, '4xx': ErrorResponse },
    },
    handler: ({ params, principal, db }) =>
      getWebhook(db, webhookRefOf(principal.orgId, params), kind),
  })

  app.route<{ Params: WebhookParams; Body: TaskWebhookChange }>({
    method: 'PATCH',
    url: one,
    config: { access: 'admin', hasSecret: true },
    schema: {
      operationId: 'update_task_webhook',
      body: TaskWebhookChange,
      response: { 200: TaskWebhook, '4xx': ErrorResponse },
    },
    async handler({ params, body: { url, secret, enabled }, principal, db }) {
      const ref = webhookRefOf(principal.orgId, params)
      await updateWebhook(db, ref, {
        kind,
        ...(url != null && { url: checkReceiverUrl(node, ref.orgId, url) }),
        ...(secret !== undefined && {
          secret: secret === null ? null : sealWebhookSecret(node, ref, secret),
        }),
        ...(enabled != null && { enabled }),
      })
      return getWebhook(db, ref, kind)
    },
  })

  app.route<{ Params: WebhookParams }>({
    method: 'DELETE',
    url: one,
    config: { access: 'admin' },
    schema: {
      operationId: 'delete_task_webhook',
      response: { '4xx': ErrorResponse },
    },
    async handler({ params, principal, db }, reply) {
      await deleteWebhook(db, webhookRefOf(principal.orgId, params), kind)
      return reply.code(204).send()
    },
  })
}
