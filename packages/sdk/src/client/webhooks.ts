import type {
  NewTaskWebhook,
  NewWebhook,
  PageQuery,
  TaskWebhook,
  TaskWebhookChange,
  Webhook,
  WebhookChange,
  WebhookDelivery,
  WebhookDeliveryQuery,
  WebhookRotation,
  WebhookTest,
  WebhookWithSecret,
} from '@outlast/contract'
import { type CallOptions, type Http, path } from '../http/http.ts'
import { listOf } from '../http/page.ts'

/** Addresses that receive signed requests for events, for administrators. */
export function webhooks(http: Http) {
  const { call } = http
  const one = (id: string) => path`/v1/webhooks/${id}`
  return {
    /** Lists the webhooks of the organization, newest first, without secrets. */
    list: (query?: PageQuery, options?: CallOptions) =>
      listOf<Webhook>(http, '/v1/webhooks', query, options),
    /** Creates a webhook. Only this response contains its secret. */
    create: (body: NewWebhook, options?: CallOptions) =>
      call<WebhookWithSecret>('POST', '/v1/webhooks', { body, hasSecret: true }, options),
    /** Returns a webhook. `not_found` for an unknown id. */
    get: (id: string, options?: CallOptions) => call<Webhook>('GET', one(id), {}, options),
    /** Changes the given properties. */
    update: (id: string, body: WebhookChange, options?: CallOptions) =>
      call<Webhook>('PATCH', one(id), { body }, options),
    /** Deletes a webhook and its deliveries. */
    delete: (id: string, options?: CallOptions) => call<void>('DELETE', one(id), {}, options),
    /** Replaces the secret. The previous one signs too for a while. */
    rotate: (id: string, body: WebhookRotation = {}, options?: CallOptions) =>
      call<WebhookWithSecret>('POST', `${one(id)}/rotate`, { body, hasSecret: true }, options),
    /** Sends a request of the type `webhook.test`, and returns its outcome. */
    test: (id: string, options?: CallOptions) =>
      call<WebhookTest>('POST', `${one(id)}/test`, {}, options),
    /** Lists the deliveries of a webhook, newest first. */
    deliveries: (id: string, query?: WebhookDeliveryQuery, options?: CallOptions) =>
      listOf<WebhookDelivery>(http, `${one(id)}/deliveries`, query, options),
    /** Sends an event again, with the same id. */
    resend: (id: string, eventId: string, options?: CallOptions) =>
      call<WebhookDelivery>(
        'POST',
        `${one(id)}${path`/deliveries/${eventId}`}/resend`,
        {},
        options,
      ),
  }
}

/** Webhooks for ended turns, with a secret and a signature that published clients know. */
export function taskWebhooks(http: Http) {
  const { call } = http
  const one = (id: string) => path`/v1/task-webhooks/${id}`
  return {
    /** Lists the task webhooks of the organization, newest first. */
    list: (query?: PageQuery, options?: CallOptions) =>
      listOf<TaskWebhook>(http, '/v1/task-webhooks', query, options),
    /** Creates a task webhook with an optional secret. */
    create: (body: NewTaskWebhook, options?: CallOptions) =>
      call<TaskWebhook>('POST', '/v1/task-webhooks', { body }, options),
    /** Returns a task webhook. `not_found` for an unknown id. */
    get: (id: string, options?: CallOptions) => call<TaskWebhook>('GET', one(id), {}, options),
    /** Changes the given properties. */
    update: (id: string, body: TaskWebhookChange, options?: CallOptions) =>
      call<TaskWebhook>('PATCH', one(id), { body }, options),
    /** Deletes a task webhook. */
    delete: (id: string, options?: CallOptions) => call<void>('DELETE', one(id), {}, options),
  }
}
