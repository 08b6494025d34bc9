import { claimAlerts, evaluateAlerts } from '../store/alerts/alert-evaluation.ts'
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
      const ids = await claimAlerts(node.db, { againMs: intervalMs * dueAfter, limit: batchMax })
      if (ids.length > 0) await evaluateAll(node, ids)
      if (ids.length < batchMax) return
    }
  } catch (error) {
    if (!stopping.aborted) node.log.warn('could not evaluate alerts', { error })
  }
}

/** Evaluates a batch; after a failure each alert alone, so that the others do not fail too. */
async function evaluateAll(node: EvaluatingNode, ids: string[]): Promise<void> {
  try {
    for (const { orgId, id, name, change } of await evaluateAlerts(node.db, ids)) {
      node.log.info('an alert changed', { organization: orgId, alert: id, name, change })
      node.bus.changed(orgId, { noun: 'alert', id })
    }
  } catch (error) {
    if (ids.length === 1 || (isUnavailable(error) && !isTimeout(error))) throw error
    for (const id of ids) {
      await evaluateAll(node, [id]).catch((error) =>
        node.log.warn('could not evaluate an alert', { alert: id, error }),
      )
    }
  }
}
