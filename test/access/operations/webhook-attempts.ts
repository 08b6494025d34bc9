import { byPath, missing, nothing, ownOnly, type Row } from './attempt-rows.ts'
import { bodies } from './bodies.ts'

export const webhookAttempts: Record<string, Row> = {
  list_webhooks: ownOnly(),
  create_webhook: {
    attempts: ({ agent_id, channel_id }, own) =>
      [{ agent_id }, { channel_id }].map((filter) => ({
        body: { ...(bodies.create_webhook!(own) as object), ...filter },
        answer: missing,
      })),
  },
  get_webhook: byPath(),
  update_webhook: {
    attempts: ({ agent_id, channel_id }, own) => [
      { body: { enabled: false }, answer: missing },
      { path: own, body: { agent_id }, answer: missing },
      { path: own, body: { channel_id }, answer: missing },
    ],
  },
  delete_webhook: byPath(),
  rotate_webhook: byPath(bodies.rotate_webhook),
  test_webhook: byPath(),
  list_webhook_deliveries: byPath(),
  resend_webhook_delivery: {
    attempts: (theirs, own) =>
      [theirs, { ...own, delivery_id: theirs.delivery_id }].map((path) => ({
        path,
        answer: missing,
      })),
  },
  list_task_webhooks: ownOnly(),
  create_task_webhook: nothing('a task webhook refers to nothing'),
  get_task_webhook: byPath(),
  update_task_webhook: byPath(() => ({ enabled: false })),
  delete_task_webhook: byPath(),
}
