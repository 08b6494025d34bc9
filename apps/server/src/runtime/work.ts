import { wakeBudget } from '../store/turns/waits.ts'
import { type EventHooksOptions, startEventHooks } from './hooks/event-hooks.ts'
import type { TurnRef } from './inbox/cancel.ts'
import { expireCalls } from './inbox/waiting.ts'
import { discoverDue } from './model/sync.ts'
import type { Node } from './node.ts'
import { type QueueOptions, startQueue } from './queue.ts'
import { startSchedules } from './schedules/scheduler.ts'
import { startSearchIndex } from './search-index.ts'
import { startWebhooks, type WebhookDeliveries } from './webhooks/deliver.ts'

/**
 * What a node takes from the database: turns, schedules, webhooks, events for its hooks, and words
 * for the search.
 */
export type NodeWork = {
  /** Why turns that should be taken are not. */
  problem: () => string | undefined
  /** Pauses or resumes taking turns and events. Running ones continue. */
  setPaused: (paused: boolean) => void
  /**
   * Takes nothing more. Resolves when the turns of the queue are done; `left` ends the wait for the
   * others.
   */
  stop: (graceMs: number, left: Promise<void>) => Promise<void>
}

export type NodeWorkOptions = {
  /** The connections of the turns' queue: one for each worker, and one that listens. */
  pool: QueueOptions['pool']
  hooks: EventHooksOptions
  /** Number of turns of the queue that run at once; 0: this node takes none. */
  slots: number
  /** Turns refused for lack of these capabilities are not fetched. */
  lacking: ReadonlySet<string>
  /** Runs a turn. Calls `begun` once a node has the turn: then its job is done. Never throws. */
  turn: (ref: TurnRef, begun: () => void) => Promise<void>
}

export async function startWork(node: Node, options: NodeWorkOptions): Promise<NodeWork> {
  const hooks = await startEventHooks(node, options.hooks)
  const webhooks = startWebhooks(node)
  const queue = await startJobs(node, options, webhooks).catch(async (error) => {
    await Promise.all([hooks.stop(0), webhooks.stop(0)])
    throw error
  })
  const schedules = options.slots === 0 ? undefined : startSchedules(node)
  const searchIndex = options.slots === 0 ? undefined : startSearchIndex(node)
  return {
    problem: () => (queue.works() ? undefined : 'The queue is not running.'),
    setPaused(paused) {
      queue.setPaused(paused)
      hooks.setPaused(paused)
    },
    async stop(graceMs, left) {
      const others = Promise.all([
        schedules?.stop(),
        searchIndex?.stop(),
        hooks.stop(graceMs),
        webhooks.stop(graceMs),
      ])
      await Promise.all([queue.stop(), Promise.race([others, left])])
    },
  }
}

/** Every node sends webhooks: an alert on the queue matters while no node takes turns. */
function startJobs(
  node: Node,
  { pool, slots, lacking, turn }: NodeWorkOptions,
  webhooks: WebhookDeliveries,
) {
  const isSyncing = node.config.MODEL_SYNC_INTERVAL_HOURS !== 0
  return startQueue({
    pool,
    slots,
    lacking,
    workers: 3,
    pollIntervalMs: 5_000,
    log: node.log,
    tasks: {
      turn: { work: (job, begun) => turn(turnRefOf(job as TurnJob), begun) },
      budget: { act: (job) => wakeBudget(node.db, (job as BudgetJob).budget_id) },
      expire: { act: (job) => expireCalls(node, turnRefOf(job as TurnJob)) },
      webhook: { act: async (job) => webhooks.deliver(webhookOf(job as WebhookJob)) },
    },
    hourly: isSyncing ? (signal) => discoverDue(node, signal) : undefined,
  })
}

/** The payload of a job that looks again whether a budget has enough. */
type BudgetJob = { budget_id: string }

/** The payload of a job: one turn. */
type TurnJob = { org_id: string; session_id: string; turn_id: string }

const turnRefOf = ({ org_id, session_id, turn_id }: TurnJob) => ({
  orgId: org_id,
  sessionId: session_id,
  turnId: turn_id,
})

type WebhookJob = { org_id: string; webhook_id: string }

const webhookOf = ({ org_id, webhook_id }: WebhookJob) => ({ orgId: org_id, webhookId: webhook_id })
