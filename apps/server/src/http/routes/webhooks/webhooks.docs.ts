import type { DocsTable } from '../../core/docs.ts'

const webhook = 'wh_01933b5a000070008000000000000001'
const event = 'event_01933b5a000070008000000000000001'
const request = {
  url: 'https://example.com/webhooks/outlast',
  events: ['turn.completed', 'approval.requested'],
}

export const webhookDocs = {
  list_webhooks: {
    tag: 'Webhooks',
    summary: 'List webhooks',
    description: 'Returns the webhooks of the organization, newest first, without secrets.',
    sample: 'const webhooks = await outlast.webhooks.list()',
  },
  create_webhook: {
    tag: 'Webhooks',
    summary: 'Create a webhook',
    description:
      'Adds an address that receives a signed POST for each event of the given types that is stored from now on. Only this response contains the secret. An organization can have at most 100 webhooks.',
    errors: ['encryption_not_configured'],
    request,
    sample: `const webhook = await outlast.webhooks.create({\n  url: '${request.url}',\n  events: ['turn.completed', 'approval.requested'],\n})`,
  },
  get_webhook: {
    tag: 'Webhooks',
    summary: 'Get a webhook',
    description: 'Returns a webhook, and since when its deliveries fail, if they do.',
    sample: `const webhook = await outlast.webhooks.get('${webhook}')`,
  },
  update_webhook: {
    tag: 'Webhooks',
    summary: 'Update a webhook',
    description:
      'Changes the given properties of a webhook; absent ones stay. `enabled: true` and a new `url` also end a pause after failures. Deliveries that wait are sent to the new address.',
    request: { enabled: false },
    sample: `const webhook = await outlast.webhooks.update('${webhook}', { enabled: false })`,
  },
  delete_webhook: {
    tag: 'Webhooks',
    summary: 'Delete a webhook',
    description: 'Deletes a webhook with its deliveries. Those that wait are not sent.',
    sample: `await outlast.webhooks.delete('${webhook}')`,
  },
  rotate_webhook: {
    tag: 'Webhooks',
    summary: 'Rotate the secret of a webhook',
    description:
      'Replaces the secret. For `overlap_hours`, requests have two signatures, one with each secret, so that receivers can change theirs without a gap. Only this response contains the new secret.',
    errors: ['encryption_not_configured'],
    request: { overlap_hours: 48 },
    sample: `const webhook = await outlast.webhooks.rotate('${webhook}', { overlap_hours: 48 })`,
  },
  test_webhook: {
    tag: 'Webhooks',
    summary: 'Test a webhook',
    description:
      'Sends a signed request of the type `webhook.test` now, also for a disabled webhook, and returns its outcome. A failure is a 200 with `ok: false` and the reason. It is not repeated and not listed as a delivery.',
    sample: `const result = await outlast.webhooks.test('${webhook}')`,
  },
  list_webhook_deliveries: {
    tag: 'Webhooks',
    summary: 'List deliveries of a webhook',
    description:
      'Returns a page of the deliveries of a webhook, newest first. Deliveries are kept for `WEBHOOK_DELIVERIES_DAYS`.',
    sample: `const { data } = await outlast.webhooks.deliveries('${webhook}', { status: 'failed' })`,
  },
  resend_webhook_delivery: {
    tag: 'Webhooks',
    summary: 'Resend a delivery',
    description:
      'Sends an event again, whether or not it was delivered, with the same `webhook-id` and with all attempts. While the webhook is disabled, it waits.',
    sample: `const delivery = await outlast.webhooks.resend('${webhook}', '${event}')`,
  },
  list_task_webhooks: {
    tag: 'Webhooks',
    summary: 'List task webhooks',
    description: 'Returns the webhooks for ended turns, newest first, without secrets.',
    sample: 'const webhooks = await outlast.taskWebhooks.list()',
  },
  create_task_webhook: {
    tag: 'Webhooks',
    summary: 'Create a task webhook',
    description:
      'Adds an address that receives a POST when a turn ends, for receivers of published clients. With a secret, requests have the header `X-Everruns-Signature: sha256=<hex>`, the HMAC-SHA256 of the body, beside the headers of other webhooks. An organization can have at most 100 task webhooks.',
    errors: ['encryption_not_configured'],
    request: { url: request.url, secret: 'shared secret' },
    sample: `const webhook = await outlast.taskWebhooks.create({\n  url: '${request.url}',\n  secret: 'shared secret',\n})`,
  },
  get_task_webhook: {
    tag: 'Webhooks',
    summary: 'Get a task webhook',
    description: 'Returns a webhook for ended turns.',
    sample: `const webhook = await outlast.taskWebhooks.get('${webhook}')`,
  },
  update_task_webhook: {
    tag: 'Webhooks',
    summary: 'Update a task webhook',
    description: 'Changes the given properties; absent ones stay. A null `secret` removes it.',
    errors: ['encryption_not_configured'],
    request: { enabled: false },
    sample: `const webhook = await outlast.taskWebhooks.update('${webhook}', { enabled: false })`,
  },
  delete_task_webhook: {
    tag: 'Webhooks',
    summary: 'Delete a task webhook',
    description: 'Deletes a webhook for ended turns. Deliveries that wait are not sent.',
    sample: `await outlast.taskWebhooks.delete('${webhook}')`,
  },
} as const satisfies DocsTable
