import { expectStatus } from '../../../apps/server/test/access.ts'
import type { Call } from '../../../apps/server/test/server.ts'
import { createSession } from '../../../apps/server/test/session.ts'
import { eventually } from '../../../apps/server/test/waiting.ts'

/** A valid body for every operation of webhooks that takes one. */
export const webhookBodies = {
  create_webhook: () => ({ url: 'https://hooks.example.com/', events: ['turn.completed'] }),
  update_webhook: () => ({ enabled: false }),
  rotate_webhook: () => ({ overlap_hours: 1 }),
  create_task_webhook: () => ({ url: 'https://hooks.example.com/' }),
  update_task_webhook: () => ({ enabled: false }),
}

/** Webhooks of both kinds. Nothing changes a delivery once its webhook is disabled. */
export async function furnishWebhooks(mine: { call: Call; url: string }, description: string) {
  const url = 'https://hooks.invalid/'
  const make = async (path: string, body: object) =>
    expectStatus(await mine.call('POST', path, { url, ...body }), 201).id
  const task_webhook_id = await make('/v1/task-webhooks', { enabled: false })
  const webhook_id = await make('/v1/webhooks', { events: ['session.created'], description })
  const path = `/v1/webhooks/${webhook_id}`
  await createSession(mine, { title: description })
  const { event_id } = await eventually(async () => {
    const { data } = expectStatus(await mine.call('GET', `${path}/deliveries`), 200)
    return data[0]?.attempts >= 1 && data[0]
  })
  expectStatus(await mine.call('PATCH', path, { enabled: false }), 200)
  return { webhook_id, task_webhook_id, delivery_id: event_id as string }
}
