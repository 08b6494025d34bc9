import { type ClaimedAlert, claimAlerts, evaluateAlerts } from '../store/alerts/alert-evaluation.ts'
import { isTimeout, isUnavailable } from '../store/database-errors.ts'
import type { Node } from './node.ts'
import { repeat } from './sweeps.ts'

/** Alerts of one statement. */
const batchMax = 200
/** Interval in ms at which each alert is evaluated. */
const defaultIntervalMs = 15_000
/** Part of the interval after which an alert is due again: timers and claims vary. */
const dueAfter = 0.8

type EvaluatingNode = Pick<Node, 'db' | 'bus' | 'log'>

/**
 * Evaluates alerts that are due. All nodes do this, also those that take no turns: an alert must
 * fire while no node takes turns.
 * Contract: exactly one node evaluates an alert at a time. Without alerts it is one index lookup.
 */
export function keepEvaluating(node: EvaluatingNode, intervalMs = defaultIntervalMs) {
  const stopping = new AbortController()
  const timer = repeat(() => evaluateDue(node, intervalMs, stopping.signal), intervalMs)
  return {
    async stop() {
      clearInterval(timer)
      stopping.abort()
    },
  }
}

async function evaluateDue(node: EvaluatingNode, intervalMs: number, stopping: AbortSignal) {
  try {
    while (!stopping.aborted) {
      const due = await claimAlerts(node.db, { againMs: intervalMs * dueAfter, limit: batchMax })
      if (due.length > 0) await evaluateAll(node, due)
      if (due.length < batchMax) return
    }
  } catch (error) {
    if (!stopping.aborted) node.log.warn('could not evaluate alerts', { error })
  }
}

/**
 * Evaluates a batch; after a failure each organization alone, then each alert of those that failed
 * again: the others do not fail too, nor wait for them.
 */
async function evaluateAll(node: EvaluatingNode, due: ClaimedAlert[]): Promise<void> {
  const organizations = [...Map.groupBy(due, ({ orgId }) => orgId).values()]
  let failed = await evaluateEach(node, [due])
  if (failed.length > 0 && organizations.length > 1)
    failed = await evaluateEach(node, organizations)
  for (const alerts of failed) await evaluateAlone(node, alerts)
}

/** Evaluates each list with one statement. Returns those that failed. */
async function evaluateEach(node: EvaluatingNode, lists: ClaimedAlert[][]) {
  const failed: ClaimedAlert[][] = []
  for (const list of lists) {
    try {
      await evaluate(node, list)
    } catch (error) {
      if (isUnavailable(error) && !isTimeout(error)) throw error
      failed.push(list)
    }
  }
  return failed
}

/**
 * Evaluates alerts of one organization alone, until one times out. Their order is random, so that
 * each is evaluated at some time.
 */
async function evaluateAlone(node: EvaluatingNode, alerts: ClaimedAlert[]) {
  const places = new Map(alerts.map((alert) => [alert, Math.random()]))
  for (const alert of alerts.toSorted((one, other) => places.get(one)! - places.get(other)!)) {
    try {
      await evaluate(node, [alert])
    } catch (error) {
      if (isUnavailable(error) && !isTimeout(error)) throw error
      node.log.warn('could not evaluate an alert', { alert: alert.id, error })
      if (isTimeout(error)) return
    }
  }
}

async function evaluate({ db, log, bus }: EvaluatingNode, alerts: ClaimedAlert[]) {
  const ids = alerts.map(({ id }) => id)
  for (const { orgId, id, name, change } of await evaluateAlerts(db, ids)) {
    log.info('an alert changed', { organization: orgId, alert: id, name, change })
    bus.changed(orgId, { noun: 'alert', id })
  }
}
