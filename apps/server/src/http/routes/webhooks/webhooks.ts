import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  agentKeyOverlapHours,
  ErrorResponse,
  NewWebhook,
  Webhook,
  WebhookChange,
  WebhookPage,
  WebhookRotation,
  WebhookTest,
  WebhookWithSecret,
} from '@outlast/contract'
import type { FastifyRequest } from 'fastify'
import { ApiError } from '../../../errors.ts'
import { newId } from '../../../ids.ts'
import type { Node } from '../../../runtime/node.ts'
import { secretStart } from '../../../runtime/webhooks/message.ts'
import { sendWebhooks } from '../../../runtime/webhooks/send.ts'
import type { Db } from '../../../store/database.ts'
import { isLockTimeout } from '../../../store/database-errors.ts'
import {
  checkWebhookFilters,
  createWebhook,
  enableWebhooks,
  findWebhookReceiver,
  getWebhook,
  rotateWebhookSecret,
  updateWebhook,
  webhookSecretPlace,
} from '../../../store/webhooks/webhooks.ts'
import type { Api } from '../../core/api.ts'
import { checkOutboundUrl } from '../../core/outbound-url.ts'
import { createHostShares } from '../models/provider-checks.ts'
import {
  addressChange,
  checkWebhookNumber,
  type WebhookParams,
  webhookKindRoutes,
  webhookRefOf,
} from './webhook-kinds.ts'

const secretBytes = 32

const base = '/v1/webhooks'
const one = `${base}/:webhook_id`
const kind = 'webhook'

type Params = WebhookParams

export function webhookRoutes(api: Api): void {
  webhookKindRoutes(api, {
    ...{ base, kind, item: Webhook, page: WebhookPage },
    names: { list: 'list_webhooks', get: 'get_webhook', delete: 'delete_webhook' },
  })
  creationRoute(api)
  changeRoute(api)
  rotationRoute(api)
  testRoute(api)
}

/** Seals a secret. Contract: throws 400 without a master key. */
export function sealWebhookSecret(
  { secrets }: Pick<Node, 'secrets'>,
  { orgId, id }: { orgId: string; id: string },
  secret: string,
): string {
  if (!secrets) throw new ApiError('encryption_not_configured', 'secret')
  return secrets.seal(secret, webhookSecretPlace(orgId, id))
}

const newSecret = () => secretStart + randomBytes(secretBytes).toString('base64')

const enableTries = 20
const enablePauseMs = 100

/** The first webhook of a database waits for transactions that hold the sessions. */
export async function recordEvents(db: Db): Promise<void> {
  for (let left = enableTries; ; left -= 1) {
    try {
      return await enableWebhooks(db)
    } catch (error) {
      if (!isLockTimeout(error) || left === 0) throw error
    }
    await sleep(enablePauseMs)
  }
}

/** Checks the address of a receiver. Contract: throws 400. */
export const checkReceiverUrl = (node: Node, orgId: string, url: string) =>
  checkOutboundUrl(node, { orgId, purpose: 'webhook' }, { url })

function creationRoute({ app, node }: Api): void {
  app.route<{ Body: NewWebhook }>({
    method: 'POST',
    url: base,
    config: { access: 'admin', answersSecret: true },
    schema: {
      operationId: 'create_webhook',
      body: NewWebhook,
      response: { 201: WebhookWithSecret, '4xx': ErrorResponse },
    },
    preHandler: ({ db }) => recordEvents(db),
    async handler({ body, principal: { orgId }, db }, reply) {
      const ref = { orgId, id: newId('webhook') }
      const { description = null, agent_id = null, channel_id = null } = body
      const url = checkReceiverUrl(node, orgId, body.url)
      await checkWebhookFilters(db, orgId, body)
      await checkWebhookNumber(db, orgId, kind)
      const secret = newSecret()
      const fields = { url, event_types: body.events, description, agent_id, channel_id }
      const sealed = sealWebhookSecret(node, ref, secret)
      const enabled = body.enabled ?? true
      await createWebhook(db, ref, { ...fields, kind, enabled, secret: sealed })
      return reply.code(201).send({ ...(await getWebhook(db, ref, kind)), secret })
    },
  })
}

function changeRoute({ app, node }: Api): void {
  app.route<{ Params: Params; Body: WebhookChange }>({
    method: 'PATCH',
    url: one,
    config: { access: 'admin' },
    schema: {
      operationId: 'update_webhook',
      body: WebhookChange,
      response: { 200: Webhook, '4xx': ErrorResponse },
    },
    async handler(request) {
      const { params, body, principal, db } = request
      const ref = webhookRefOf(principal.orgId, params)
      const { url, events, enabled, ...rest } = body
      const before = await getWebhook(db, ref, kind)
      await checkWebhookFilters(db, ref.orgId, body)
      await updateWebhook(db, ref, {
        ...rest,
        kind,
        ...(url != null && { url: checkReceiverUrl(node, ref.orgId, url) }),
        ...(events != null && { event_types: events }),
        ...(enabled != null && { enabled }),
      })
      if (url != null) request.auditNote = addressChange(before, url)
      return getWebhook(db, ref, kind)
    },
  })
}

function rotationRoute({ app, node }: Api): void {
  app.route<{ Params: Params; Body: WebhookRotation }>({
    method: 'POST',
    url: `${one}/rotate`,
    config: { access: 'admin', answersSecret: true, bodyOptional: true },
    schema: {
      operationId: 'rotate_webhook',
      body: WebhookRotation,
      response: { 200: WebhookWithSecret, '4xx': ErrorResponse },
    },
    async handler({ params, body, principal, db }) {
      const ref = webhookRefOf(principal.orgId, params)
      const hours = body.overlap_hours ?? agentKeyOverlapHours.default
      const secret = newSecret()
      const sealed = sealWebhookSecret(node, ref, secret)
      await rotateWebhookSecret(db, ref, { secret: sealed, hours })
      return { ...(await getWebhook(db, ref, kind)), secret }
    },
  })
}

/** Calls the receiver before the transaction begins, so that no transaction waits for it. */
function testRoute({ app, node }: Api): void {
  const shares = createHostShares()
  const results = new WeakMap<FastifyRequest, WebhookTest>()

  app.route<{ Params: Params }>({
    method: 'POST',
    url: `${one}/test`,
    config: { access: 'admin', callsOut: true, bodyOptional: true },
    schema: {
      operationId: 'test_webhook',
      response: { 200: WebhookTest, '4xx': ErrorResponse },
    },
    async preHandler(request) {
      const { principal, params, db } = request
      const ref = webhookRefOf(principal.orgId, params)
      await getWebhook(db, ref, kind)
      results.set(request, await shares.run(ref.orgId, () => test(node, db, ref)))
    },
    async handler(request) {
      const result = results.get(request)!
      request.auditNote = { target: request.params.webhook_id, details: { ok: result.ok } }
      return result
    },
  })
}

/** Sends an event of the type `webhook.test`, also for a disabled webhook. */
async function test(node: Node, db: Db, ref: { orgId: string; id: string }): Promise<WebhookTest> {
  const receiver = await findWebhookReceiver(db, ref)
  if (!receiver) throw new ApiError('not_found', 'Webhook')
  const message = {
    id: newId('event'),
    type: 'webhook.test',
    timestamp: new Date().toISOString(),
    data: JSON.stringify({ webhook_id: ref.id }),
  }
  const [sent] = await sendWebhooks(node, receiver, [message])
  const { ok, status, error, durationMs } = sent!
  return {
    ok,
    ...(status !== null && { response_status: status }),
    ...(error !== null && { message: error }),
    duration_ms: durationMs,
  }
}
