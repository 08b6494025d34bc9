import { newId } from '../../ids.ts'
import type { Db, Statement } from '../database.ts'
import { statement, valuesOf } from '../statements.ts'

/** Deliveries of one claim. A constant in the text, so that the planner expects few rows. */
const claimedMax = 64

/** SQL: the data of a delivery with the end user of its session, who is not stored in it. */
const bodyWithUser = `coalesce((
    select left(d.body::text, -1) || ',"user":' || to_json(s.user_id) || '}'
    from sessions s where s.org_id = w.org_id and s.id = d.body->>'session_id' and s.user_id is not null
  ), d.body::text)`

const claim = statement(
  'claim-webhook-deliveries',
  `
with w as (
  select * from webhooks
  where id = :webhookId and enabled and (resume_at is null or resume_at <= now())
), oldest as (
  select d.event_id from w join webhook_deliveries d on d.webhook_id = w.id
  where d.webhook_id = :webhookId and d.due_at <= now()
  order by d.due_at limit ${claimedMax} for update of d skip locked
), due as (
  select event_id from oldest limit (select greatest(1, ${claimedMax} >> least(failures, 30)) from w)
)
update webhook_deliveries d set claim = d.claim + 1, due_at = clock_timestamp() + :leaseMs::float8 * interval '1 millisecond'
from w, due where d.webhook_id = :webhookId and d.event_id = due.event_id
returning d.event_id, d.event_type, ${bodyWithUser} as body, d.claim, d.attempts, d.created_at,
  w.org_id, w.url, w.for_tasks, w.secret,
  case when w.previous_valid_until > now() then w.previous_secret end as previous_secret`,
)

/** A delivery that one node attempts, with the receiver at that time. Secrets are envelopes. */
export type ClaimedDelivery = {
  event_id: string
  event_type: string
  body: string
  claim: number
  attempts: number
  created_at: string
  org_id: string
  url: string
  for_tasks: boolean
  secret: string | null
  previous_secret: string | null
}

type Claiming = { webhookId: string; leaseMs: number }

/**
 * Claims deliveries of a webhook that are due: none while it is disabled or paused, and few while
 * it fails. Without an outcome they are due again after `leaseMs`.
 */
export const claimDeliveries = (db: Db, of: Claiming) =>
  db.run<ClaimedDelivery>(claim, valuesOf(claim, of))

/** The outcome of an attempt. */
export type DeliveryOutcome = {
  eventId: string
  claim: number
  status: 'pending' | 'delivered' | 'failed'
  /** Time until the next attempt of a pending delivery. */
  delayMs: number
  responseStatus: number | null
  durationMs: number
  error: string | null
}

/** What the outcomes mean for the whole webhook. */
export type ReceiverState = {
  /** The address that was called: outcomes say nothing about one that replaced it meanwhile. */
  url: string
  /** True if the receiver has accepted a delivery. */
  isWorking: boolean
  /** Disables the webhook at once. */
  isGone: boolean
  /** Time that the receiver asked for; no attempt is made before. */
  pauseMs: number
}

/** Failed rounds in a row before a webhook is paused, and its longest pause. */
const patience = 3
const pauseSecondsMax = 60

const settle = statement(
  'settle-webhook-deliveries',
  `
with o as (
  select * from unnest(
    :eventIds::text[], :claims::integer[], :statuses::text[], :delays::float8[],
    :codes::integer[], :durations::integer[], :errors::text[]
  ) as o(event_id, claim, status, delay_ms, response_status, duration_ms, error)
), d as (
  update webhook_deliveries d set
    status = o.status,
    claim = d.claim + 1,
    attempts = d.attempts + 1,
    due_at = case when o.status = 'pending' then clock_timestamp() + o.delay_ms * interval '1 millisecond' end,
    attempted_at = clock_timestamp(),
    response_status = o.response_status,
    duration_ms = o.duration_ms,
    error = o.error
  from o where d.webhook_id = :webhookId and d.event_id = o.event_id and d.claim = o.claim
), w as (
  update webhooks set
    failing_since = case when :isWorking::boolean then null else coalesce(failing_since, clock_timestamp()) end,
    failures = case when :isWorking then 0 else failures + 1 end,
    resume_at = greatest(resume_at, now() + greatest(
      :pauseMs::float8 * interval '1 millisecond',
      case when not :isWorking and failures >= ${patience}
        then least(${pauseSecondsMax}, 2 ^ least(failures - ${patience}, 9)) * interval '1 second' end
    )),
    enabled = not :isGone::boolean and (:isWorking or failing_since > now() - :failingDays::float8 * interval '1 day') is not false,
    disabled_reason = case
      when :isGone then 'gone'
      when not :isWorking and failing_since <= now() - :failingDays::float8 * interval '1 day' then 'failing'
    end
  where id = :webhookId and url = :url and enabled and (not :isWorking or :isGone or :pauseMs::float8 > 0 or failing_since is not null)
    and exists (select from o join webhook_deliveries d using (event_id, claim) where d.webhook_id = :webhookId)
  returning org_id, enabled, disabled_reason
)
insert into audit_log (org_id, id, actor_type, action, target, details)
select org_id, :auditId, 'server', 'disable_webhook', :webhookId, json_build_object('reason', disabled_reason)
from w where not enabled
returning org_id`,
)

/**
 * Stores the outcomes of one webhook's claims. Disables a webhook whose receiver is gone, or has
 * failed for `failingDays`, with an audit entry: then it returns the organization.
 * Contract: a claim that is settled, or that another one has replaced, changes nothing; no outcome
 * shortens a pause, not even a success of a request that began before it.
 */
export async function settleDeliveries(
  db: Db,
  webhookId: string,
  outcomes: readonly DeliveryOutcome[],
  state: ReceiverState & { failingDays: number },
): Promise<string | undefined> {
  const values = {
    ...state,
    webhookId,
    eventIds: outcomes.map(({ eventId }) => eventId),
    claims: outcomes.map(({ claim }) => claim),
    statuses: outcomes.map(({ status }) => status),
    delays: outcomes.map(({ delayMs }) => delayMs),
    codes: outcomes.map(({ responseStatus }) => responseStatus),
    durations: outcomes.map(({ durationMs }) => durationMs),
    errors: outcomes.map(({ error }) => error),
    auditId: newId('audit'),
  }
  const [disabled] = await db.run<{ org_id: string }>(settle, valuesOf(settle, values))
  return disabled?.org_id
}

/**
 * Steps from webhook to webhook in the index of waiting deliveries: its cost follows from their
 * number, not from that of all webhooks or deliveries.
 */
const wake: Statement = {
  name: 'wake-webhooks',
  text: `
with recursive waiting as (
  (select webhook_id as id, due_at from webhook_deliveries where due_at is not null order by webhook_id, due_at limit 1)
  union all
  select d.* from waiting w, lateral (
    select webhook_id, due_at from webhook_deliveries where due_at is not null and webhook_id > w.id
    order by webhook_id, due_at limit 1
  ) d
), j as (
  select graphile_worker.add_job(
    'webhook',
    json_build_object('org_id', w.org_id, 'webhook_id', w.id),
    job_key => 'webhook:' || w.id,
    job_key_mode => 'preserve_run_at',
    priority => 10
  ) from waiting join webhooks w on w.id = waiting.id
  where waiting.due_at <= now() and w.enabled and (w.resume_at is null or w.resume_at <= now())
    and (
      select j.id from graphile_worker.jobs j
      where j.key = 'webhook:' || w.id and j.attempts < j.max_attempts
        and (j.locked_at is null or j.locked_at > now() - interval '5 seconds')
    ) is null
)
select exists (select from webhooks where enabled) as enabled, (select count(*) from j) as jobs`,
}

/**
 * Adds a job for each webhook with deliveries that are due: new ones, retries, and those whose node
 * has died. A job that a worker has just taken is present: to add it again would lock it against
 * the worker. Turns come before them. True if some webhook may get deliveries.
 */
export async function wakeWebhooks(db: Db): Promise<boolean> {
  const [row] = await db.run<{ enabled: boolean }>(wake, [])
  return row!.enabled
}
