import { setTimeout as sleep } from 'node:timers/promises'
import { webhookFailingDays } from '@outlast/contract'
import { createShares } from '../../shares.ts'
import {
  type ClaimedDelivery,
  claimDeliveries,
  type DeliveryOutcome,
  settleDeliveries,
  wakeWebhooks,
} from '../../store/webhooks/attempts.ts'
import { throughOutages } from '../journal/append.ts'
import type { Node } from '../node.ts'
import { type SentWebhook, sendWebhooks } from './send.ts'

/** Times between attempts by the Standard Webhooks specification, in seconds. */
const retryDelays = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]
/** Part of a delay that is random, so that failed deliveries do not return together. */
const jitter = 0.1

/** Rounds of one webhook at once on this node. */
const roundsMax = 2
/** Rounds on this node, of all organizations and of one. */
const limits = {
  slots: 64,
  slotsEach: 16,
  leavesRoom: true,
  waitingMax: Number.POSITIVE_INFINITY,
  waitingEachMax: Number.POSITIVE_INFINITY,
}
/** Longer than a round: only claims of dead nodes become due again. */
const leaseMs = 30_000
/** How often a node looks for due deliveries: with enabled webhooks, and without. */
const lookMs = { busy: 500, idle: 2_000 }
/** Checks of a webhook after its last delivery: their interval and number. */
const linger = { everyMs: 100, times: 10 }

export type WebhookRefs = { orgId: string; webhookId: string }

export type WebhookDeliveries = {
  /** Sends what is due of a webhook. Contract: returns at once; never throws. */
  deliver: (webhook: WebhookRefs) => void
  /** Gives running requests `graceMs` to end, then aborts them: they are sent again elsewhere. */
  stop: (graceMs: number) => Promise<void>
}

/**
 * Sends the deliveries of webhooks whose jobs this node takes. Organizations share its slots, and
 * each leaves room for others, whose receivers may not hang.
 */
export function startWebhooks(node: Node): WebhookDeliveries {
  /** The number of running loops by webhook. */
  const loops = new Map<string, number>()
  const running = new Set<Promise<void>>()
  const stopping = new AbortController()
  const stopped = new AbortController()
  const { signal } = stopping
  const shares = createShares(limits, () => new Error('Too many webhooks wait for a slot.'))

  /** Sends rounds until there is nothing more to send. */
  async function runRounds({ orgId, webhookId }: WebhookRefs) {
    const round = () => runRound(node, webhookId, stopped.signal)
    for (let empty = 0; empty < linger.times; ) {
      const sent = await shares.run(orgId, round, signal)
      empty = sent > 0 ? 0 : empty + 1
      if (empty > 0) await sleep(linger.everyMs, undefined, { signal })
    }
  }

  function run(work: () => Promise<void>, about: string): Promise<void> {
    const over = work()
      .catch((error) => {
        if (!signal.aborted) node.log.warn(about, { error })
      })
      .finally(() => running.delete(over))
    running.add(over)
    return over
  }

  function deliver(webhook: WebhookRefs) {
    const { webhookId } = webhook
    const count = loops.get(webhookId) ?? 0
    if (signal.aborted || count === roundsMax) return
    loops.set(webhookId, count + 1)
    void run(() => runRounds(webhook), 'webhook deliveries interrupted').then(() => {
      const left = loops.get(webhookId)! - 1
      if (left === 0) loops.delete(webhookId)
      else loops.set(webhookId, left)
    })
  }

  async function look() {
    let enabled = false
    while (!signal.aborted) {
      await sleep(enabled ? lookMs.busy : lookMs.idle, undefined, { signal })
      enabled = await wakeWebhooks(node.db).catch((error) => {
        node.log.warn('could not look for due webhook deliveries', { error })
        return enabled
      })
    }
  }

  void run(look, 'webhooks are no longer looked for')
  return {
    deliver,
    async stop(graceMs) {
      stopping.abort()
      const grace = setTimeout(() => stopped.abort(new Error('The server stops.')), graceMs)
      while (running.size > 0) await Promise.all(running)
      clearTimeout(grace)
    },
  }
}

/** Claims deliveries, sends them at once and stores their outcomes. Returns their number. */
async function runRound(node: Node, webhookId: string, stopped: AbortSignal): Promise<number> {
  const claimed = await claimDeliveries(node.db, { webhookId, leaseMs })
  const [first] = claimed
  if (!first) return 0
  const messages = claimed.map(({ event_id: id, event_type: type, created_at, body: data }) => ({
    ...{ id, type, timestamp: created_at, data },
  }))
  const sent = await sendWebhooks(node, { ...first, id: webhookId }, messages, stopped)
  if (stopped.aborted) return 0
  const outcomes = claimed.map((delivery, index) => outcomeOf(delivery, sent[index]!))
  for (const { status } of outcomes) node.metrics.webhookDeliveries.inc({ outcome: status })
  const state = {
    url: first.url,
    isWorking: sent.some(({ ok }) => ok),
    isGone: sent.some(({ status }) => status === gone),
    pauseMs: Math.max(...sent.map(({ pauseMs }) => pauseMs)),
    failingDays: webhookFailingDays,
  }
  const disabled = await throughOutages(node, stopped, () =>
    settleDeliveries(node.db, webhookId, outcomes, state),
  )
  if (disabled !== undefined) node.bus.changed(disabled, { noun: 'webhook', id: webhookId })
  return claimed.length
}

const gone = 410

/** A failed request is retried with backoff, not before the receiver's Retry-After. */
function outcomeOf(
  { event_id: eventId, claim, attempts }: ClaimedDelivery,
  { ok, status: responseStatus, durationMs, error, pauseMs }: SentWebhook,
): DeliveryOutcome {
  const delay = retryDelays[attempts]
  const status = ok ? 'delivered' : delay === undefined ? 'failed' : 'pending'
  const spread = 1 + (Math.random() * 2 - 1) * jitter
  const delayMs = Math.max(pauseMs, (delay ?? 0) * 1_000 * spread)
  return { eventId, claim, status, delayMs, responseStatus, durationMs, error }
}
