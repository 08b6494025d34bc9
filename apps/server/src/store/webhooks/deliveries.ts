import type { WebhookDelivery, WebhookDeliveryQuery } from '@outlast/contract'
import { ApiError } from '../../errors.ts'
import { cappedTotal, countedMax } from '../batches.ts'
import type { Db, Statement } from '../database.ts'

/** SQL: a disabled webhook makes no attempt, and a paused one makes none before its pause ends. */
const nextAttempt = `(
  select greatest(d.due_at, w.resume_at) from webhooks w where w.id = d.webhook_id and w.enabled and d.due_at is not null
)::timestamptz(3)`

const columns = `d.event_id, d.event_type, d.body as data, d.status, d.attempts, ${nextAttempt} as next_attempt_at,
  d.attempted_at as last_attempt_at, d.response_status, d.duration_ms, d.error, d.created_at`

type Selected = WebhookDelivery['status'] | 'all'

/** SQL: conditions that partial indexes have. A pending delivery is always due at some time. */
const conditions: Record<Selected, string> = {
  all: '',
  pending: `and d.status = 'pending' and d.due_at is not null`,
  delivered: `and d.status = 'delivered'`,
  failed: `and d.status = 'failed'`,
}

const matching = (selected: Selected) =>
  `from webhook_deliveries d where d.webhook_id = $1 ${conditions[selected]}`

const list = (selected: Selected): Statement => ({
  name: `list-webhook-deliveries-${selected}`,
  text: `
select ${columns} ${matching(selected)}
order by d.created_at desc, d.event_id desc offset $2 limit $3`,
})

const counted = (selected: Selected): Statement => ({
  name: `count-webhook-deliveries-${selected}`,
  text: `
select count(*)::int as total from (select 1 ${matching(selected)} limit ${countedMax + 1}) counted`,
})

type DeliveryFilter = Pick<WebhookDeliveryQuery, 'status'> & { offset: number; limit: number }

/** Lists the deliveries of a webhook, newest first. Contract: the webhook exists. */
export async function listDeliveries(
  db: Db,
  webhookId: string,
  { status = undefined, offset, limit }: DeliveryFilter,
): Promise<{ data: WebhookDelivery[]; total: number; total_capped?: boolean }> {
  const selected = status ?? 'all'
  const data = await db.run<WebhookDelivery>(list(selected), [webhookId, offset, limit])
  const [row] = await db.run<{ total: number }>(counted(selected), [webhookId])
  return { data, ...cappedTotal(row!.total) }
}

const resend: Statement = {
  name: 'resend-webhook-delivery',
  text: `
update webhook_deliveries d set status = 'pending', attempts = 0, claim = claim + 1, due_at = clock_timestamp()
where d.webhook_id = $1 and d.event_id = $2 returning ${columns}`,
}

/**
 * Sends an event again, under the same id and with all attempts. Contract: the webhook exists;
 * throws 404 without the delivery.
 */
export async function resendDelivery(db: Db, webhookId: string, eventId: string) {
  const [delivery] = await db.run<WebhookDelivery>(resend, [webhookId, eventId])
  if (!delivery) throw new ApiError('not_found', 'Delivery')
  return delivery
}

const rowsAtOnce = 1_000
const batchesMax = 1_000

/** The rows of a webhook in the order of their age: no statement takes long, even for many rows. */
const expired: Statement = {
  name: 'sweep-webhook-deliveries',
  text: `
with e as (
  select d.webhook_id, d.event_id from webhooks w, lateral (
    select webhook_id, event_id from webhook_deliveries d
    where d.webhook_id = w.id
      and d.created_at < case when w.deleted_at is null then now() - $1::integer * interval '1 day' else 'infinity' end
    order by d.created_at limit ${rowsAtOnce} for update skip locked
  ) d limit ${rowsAtOnce}
)
delete from webhook_deliveries d using e where d.webhook_id = e.webhook_id and d.event_id = e.event_id
returning 1`,
}

const emptied: Statement = {
  name: 'sweep-webhooks',
  text: `
delete from webhooks w where deleted_at < now() - interval '1 hour'
  and not exists (select from webhook_deliveries d where d.webhook_id = w.id)`,
}

/** Deletes deliveries that are older than `days`, and what is left of deleted webhooks. */
export async function sweepDeliveries(db: Db, days: number): Promise<void> {
  for (let batch = 0; batch < batchesMax; batch += 1) {
    if ((await db.run(expired, [days])).length < rowsAtOnce) break
  }
  await db.run(emptied, [])
}
