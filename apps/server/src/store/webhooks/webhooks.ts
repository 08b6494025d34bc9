import type { TaskWebhook, Webhook } from '@outlast/contract'
import { type SqlBool, sql } from 'kysely'
import { ApiError } from '../../errors.ts'
import { batchesOf, type RowRange } from '../batches.ts'
import type { Db, Statement } from '../database.ts'

/** Webhooks of /v1/webhooks, and those of /v1/task-webhooks. */
export type WebhookKind = 'webhook' | 'task_webhook'

/** Both kinds as clients see them. */
type Shown = { webhook: Webhook; task_webhook: TaskWebhook }

export type WebhookRef = { orgId: string; id: string }

const columns: Record<WebhookKind, string> = {
  webhook: `id, url, event_types as events, description, agent_id, channel_id, enabled, disabled_reason, failing_since,
    case when previous_valid_until > now() then previous_valid_until end as previous_secret_valid_until, created_at, updated_at`,
  task_webhook: 'id, url, enabled, secret is not null as has_secret, created_at, updated_at',
}

const isShown: Record<WebhookKind, string> = {
  webhook: 'org_id = $1 and not for_tasks and deleted_at is null',
  task_webhook: 'org_id = $1 and for_tasks and deleted_at is null',
}

const enable: Statement = { name: 'enable-webhooks', text: 'select enable_webhooks()' }

/**
 * Makes the database record events for webhooks. Contract: the first call of a database fails
 * while a transaction holds the sessions; retry.
 */
export async function enableWebhooks(db: Db): Promise<void> {
  await db.run(enable, [])
}

/** The columns that a client sets. `secret` is an envelope. */
export type WebhookFields = {
  url: string
  event_types: string[]
  description: string | null
  agent_id: string | null
  channel_id: string | null
  enabled: boolean
  secret: string | null
}

export async function createWebhook(
  { kysely }: Db,
  { orgId, id }: WebhookRef,
  { kind, ...fields }: WebhookFields & { kind: WebhookKind },
): Promise<void> {
  const row = { ...fields, org_id: orgId, id, for_tasks: kind === 'task_webhook' }
  await kysely.insertInto('webhooks').values(row).execute()
}

/** Returns a webhook. Contract: throws 404 `not_found`. */
export async function getWebhook<K extends WebhookKind>(
  db: Db,
  { orgId, id }: WebhookRef,
  kind: K,
): Promise<Shown[K]> {
  const text = `select ${columns[kind]} from webhooks where ${isShown[kind]} and id = $2`
  const [row] = await db.run<Shown[K]>({ name: `get-${kind}`, text }, [orgId, id])
  if (!row) throw new ApiError('not_found', 'Webhook')
  return row
}

/** Lists the webhooks of an organization, newest first. */
export function listWebhooks<K extends WebhookKind>(
  db: Db,
  { orgId, kind }: { orgId: string; kind: K },
  { offset, limit }: RowRange,
): Promise<Shown[K][]> {
  const text = `
select ${columns[kind]} from webhooks where ${isShown[kind]}
order by created_at desc, id desc offset $2 limit $3`
  return db.run<Shown[K]>({ name: `list-${kind}s`, text }, [orgId, offset, limit])
}

export async function countWebhooks(db: Db, orgId: string, kind: WebhookKind): Promise<number> {
  const text = `select count(*)::int as total from webhooks where ${isShown[kind]}`
  const [row] = await db.run<{ total: number }>({ name: `count-${kind}s`, text }, [orgId])
  return row!.total
}

const filters: Statement = {
  name: 'check-webhook-filters',
  text: `
select ($2::text is null or exists (select from agents where org_id = $1 and id = $2)) as agent,
  ($3::text is null or exists (select from agent_channels where org_id = $1 and id = $3)) as channel`,
}

/** Contract: throws 404 for an agent or a channel that the organization does not have. */
export async function checkWebhookFilters(
  db: Db,
  orgId: string,
  { agent_id, channel_id }: { agent_id?: string | null; channel_id?: string | null },
): Promise<void> {
  const values = [orgId, agent_id ?? null, channel_id ?? null]
  const [found] = await db.run<{ agent: boolean; channel: boolean }>(filters, values)
  if (!found!.agent) throw new ApiError('not_found', 'Agent')
  if (!found!.channel) throw new ApiError('not_found', 'Agent channel')
}

/** A new start: earlier failures do not count. */
const forgiven = { disabled_reason: null, failing_since: null, failures: 0, resume_at: null }

/** A new start if the address is a new one. It enables a webhook that the server disabled. */
const startAt = (url: string) => ({
  enabled: sql<boolean>`enabled or (url <> ${url} and disabled_reason is not null)`,
  disabled_reason: sql<string | null>`case when url = ${url} then disabled_reason end`,
  failing_since: sql<string | null>`case when url = ${url} then failing_since end`,
  failures: sql<number>`case when url = ${url} then failures else 0 end`,
  resume_at: sql<string | null>`case when url = ${url} then resume_at end`,
})

/** Changes a webhook. Contract: absent fields stay; throws 404 `not_found`. */
export async function updateWebhook(
  { kysely }: Db,
  { orgId, id }: WebhookRef,
  { kind, ...change }: Partial<WebhookFields> & { kind: WebhookKind },
): Promise<void> {
  const { url, enabled } = change
  const start = enabled ? forgiven : url !== undefined && startAt(url)
  // A person's decision, which a new address does not change.
  const kept = enabled === false && { disabled_reason: null }
  const row = await kysely
    .updateTable('webhooks')
    .set({ ...start, ...kept, ...change, updated_at: sql`clock_timestamp()` })
    .where('org_id', '=', orgId)
    .where('id', '=', id)
    .where('for_tasks', '=', kind === 'task_webhook')
    .where('deleted_at', 'is', null)
    .returning('id')
    .executeTakeFirst()
  if (!row) throw new ApiError('not_found', 'Webhook')
}

const remove = (kind: WebhookKind): Statement => ({
  name: `delete-${kind}`,
  text: `
update webhooks set deleted_at = clock_timestamp(), enabled = false, secret = null, previous_secret = null
where ${isShown[kind]} and id = $2 returning id`,
})

/** Deletes a webhook; a sweep deletes its deliveries. Contract: throws 404 `not_found`. */
export async function deleteWebhook(db: Db, { orgId, id }: WebhookRef, kind: WebhookKind) {
  const [row] = await db.run(remove(kind), [orgId, id])
  if (!row) throw new ApiError('not_found', 'Webhook')
}

/** The secret before the previous one ends at once: at most two sign. */
const rotate: Statement = {
  name: 'rotate-webhook-secret',
  text: `
update webhooks set
  previous_secret = case when $4 > 0 then secret end,
  previous_valid_until = case when $4 > 0 then now() + $4 * interval '1 hour' end,
  secret = $3,
  updated_at = clock_timestamp()
where ${isShown.webhook} and id = $2 returning id`,
}

/** Replaces the secret. The previous one signs for `hours` more. Contract: throws 404. */
export async function rotateWebhookSecret(
  db: Db,
  { orgId, id }: WebhookRef,
  { secret, hours }: { secret: string; hours: number },
): Promise<void> {
  const [row] = await db.run(rotate, [orgId, id, secret, hours])
  if (!row) throw new ApiError('not_found', 'Webhook')
}

const receiver: Statement = {
  name: 'webhook-receiver',
  text: `
select org_id, id, url, for_tasks, secret, case when previous_valid_until > now() then previous_secret end as previous_secret
from webhooks where ${isShown.webhook} and id = $2`,
}

/** The address of a webhook and its sealed secrets. */
export type WebhookReceiver = {
  org_id: string
  id: string
  url: string
  for_tasks: boolean
  secret: string | null
  previous_secret: string | null
}

export async function findWebhookReceiver(db: Db, { orgId, id }: WebhookRef) {
  const [row] = await db.run<WebhookReceiver>(receiver, [orgId, id])
  return row
}

/** The place that both secrets of a webhook are sealed for. */
export const webhookSecretPlace = (orgId: string, id: string) =>
  `webhooks.secret of ${id} in ${orgId}`

export type SealedWebhookSecret = {
  org_id: string
  id: string
  column: 'secret' | 'previous_secret'
  body: string
}

const batchSize = 500

/** Lists the sealed secrets of all organizations in batches. */
export async function* listSealedWebhookSecrets(db: Db): AsyncGenerator<SealedWebhookSecret[]> {
  for (const column of ['secret', 'previous_secret'] as const) {
    const all = { offset: 0, limit: Number.MAX_SAFE_INTEGER }
    yield* batchesOf<SealedWebhookSecret>(all, batchSize, async ({ after, limit }) => {
      const rows = await db.kysely
        .selectFrom('webhooks')
        .select(['org_id', 'id', sql<string>`${sql.ref(column)}`.as('body')])
        .where(column, 'is not', null)
        .$if(after !== undefined, (q) => q.where(sql<SqlBool>`id > ${after?.id}`))
        .orderBy('id')
        .limit(limit)
        .execute()
      return rows.map((row) => ({ ...row, column }))
    })
  }
}

/** Replaces an envelope with a new one. Contract: false if the old one was replaced. */
export async function replaceSealedWebhookSecret(
  { kysely }: Db,
  { id, column, body }: SealedWebhookSecret,
  renewed: string,
): Promise<boolean> {
  const row = await kysely
    .updateTable('webhooks')
    .set({ [column]: renewed })
    .where('id', '=', id)
    .where(column, '=', body)
    .returning('id')
    .executeTakeFirst()
  return row !== undefined
}
