import { setTimeout as sleep } from 'node:timers/promises'
import { hashCatalog } from '../capabilities/catalog/catalog-hash.ts'
import { followDatabaseClock } from '../ids.ts'
import { describeOutage } from '../store/database-errors.ts'
import { endLease, type LeaseTerms, type Renewal, renewLease } from '../store/turns/nodes.ts'
import type { Node } from './node.ts'

/** How long a lease lasts, in ms. */
export const leaseMs = 1_500
const renewMs = 500
/** Time after a renewal during which this node starts work, in ms: well before a takeover. */
const heldMs = 1_200
/** Tries of the first renewal before a node starts without a lease, and reports the problem. */
const firstTries = 10

/** This node's right to run turns, by the database's clock. */
export type Lease = {
  /** False when the lease may expire before new work could end. */
  held: () => boolean
  /** Resolves when the lease is held: at once, or after a renewal that also finds lost turns. */
  whenHeld: () => Promise<void>
  /** Why the node cannot write now; undefined after a renewal within the last lease. */
  problem: () => string | undefined
  /** Renews now: the instructions for this node may have changed. */
  look: () => void
  end: () => Promise<void>
}

export type LeaseOptions = {
  version: string
  /** True when no other node can be using the database: this node takes over its turns at once. */
  alone: boolean
  turns: () => HeldTurns
  /** Called with every renewal: whether this node should stop taking turns. */
  drain: (draining: boolean) => void
}

/** The turns of this node at a moment. */
export type HeldTurns = {
  /** Turns that this node has taken, and those it is about to take, run or release. */
  taken: string[]
  known: string[]
  /**
   * Called with those of `taken` that were cancelled or taken over. A parked turn may have been
   * taken again since: its new attempt is not affected.
   */
  lose: (turnIds: string[]) => void
}

/**
 * Renews this node's lease until it ends, and finds turns without a node. Returns once other nodes
 * know this one, or after ten failures.
 */
export async function keepLease(node: Node, options: LeaseOptions): Promise<Lease> {
  const terms = termsOf(node, options)
  let problem: string | undefined
  let next: NextRenewal = { strays: [], after: '' }
  let ended = false
  let renewing = false
  /** A renewal was requested while one was running, which may have missed the change. */
  let again = false
  let renewedAt = Number.NEGATIVE_INFINITY
  let succeededAt = Number.NEGATIVE_INFINITY
  let unbrokenSince = options.alone ? Number.NEGATIVE_INFINITY : performance.now()
  let waiting: (() => void)[] = []

  // Without other nodes there is no takeover.
  const held = () => options.alone || performance.now() - renewedAt < heldMs

  async function renew() {
    if (renewing) return
    renewing = true
    const begun = performance.now()
    // After a pause of this process or a database outage, other nodes can be judged only after a
    // whole lease of renewals.
    if (begun - renewedAt > leaseMs && renewedAt > 0) unbrokenSince = begun
    try {
      const judging = begun - unbrokenSince >= leaseMs
      const turns = options.turns()
      const state = await renewLease({ db: node.leaseDb, history: node.history }, terms, {
        ...turns,
        judging,
        ...next,
      })
      next = applyRenewal(node, options, { ...state, turns, terms })
      if (problem !== undefined) node.log.info('renewed the lease again')
      succeededAt = performance.now()
      followDatabaseClock(Date.parse(state.now), succeededAt - begun)
      renewedAt = begun
      problem = undefined
      if (held()) for (const resolve of waiting.splice(0)) resolve()
    } catch (error) {
      unbrokenSince = performance.now()
      const reason = describeOutage(error)
      if (!ended && reason !== problem)
        node.log.warn('could not renew the lease', { reason, error })
      problem = reason
    } finally {
      renewing = false
      if (again && !ended) {
        again = false
        void renew()
      }
    }
  }

  await retryFirst(renew, () => problem === undefined)
  const timer = setInterval(renew, renewMs)
  return {
    held,
    whenHeld: () => (held() ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
    problem() {
      if (ended) return undefined
      const lateMs = performance.now() - succeededAt
      // A renewal that has not failed may be late because of a long task of this process. It fails
      // within one second.
      if (lateMs <= (problem === undefined ? 2 * leaseMs : leaseMs)) return undefined
      return problem ?? `The database has not responded for ${Math.round(lateMs)} ms.`
    },
    look() {
      if (renewing) again = true
      else void renew()
    },
    async end() {
      ended = true
      clearInterval(timer)
      for (const resolve of waiting) resolve()
      waiting = []
      await endLease(node.leaseDb, node.id).catch(() => {})
    },
  }
}

function termsOf(node: Node, { version, alone }: LeaseOptions): LeaseTerms {
  const { ROLE: role, WORKER_SLOTS: slots } = node.config
  const catalogHash = hashCatalog(node.capabilities)
  const about = { id: node.id, version, catalogHash, role, slots }
  return { ...about, ms: leaseMs, draining: false, alone }
}

/** A first renewal that timed out on a loaded machine succeeds later. */
async function retryFirst(renew: () => Promise<void>, succeeded: () => boolean) {
  for (let tries = 1; ; tries += 1) {
    await renew()
    if (succeeded() || tries === firstTries) return
    await sleep(renewMs)
  }
}

/**
 * Values for the next renewal: turns in this node's name that it does not run, which are an error
 * if they are still there, and the queued turn after which it checks further ones.
 */
type NextRenewal = Pick<Renewal, 'strays' | 'after'>

type AppliedRenewal = Awaited<ReturnType<typeof renewLease>> & {
  turns: HeldTurns
  terms: LeaseTerms
}

/** Applies the result of a renewal. */
function applyRenewal(node: Node, options: LeaseOptions, renewal: AppliedRenewal): NextRenewal {
  const { history, lost, after, peers, draining, readded, expired, turns, terms } = renewal
  node.history.observe(history)
  turns.lose(lost)
  const known = new Set(options.turns().known)
  node.bus.setPeers(peers)
  options.drain(draining)
  terms.draining = draining
  if (readded > 0) node.log.info('requeued turns without a node', { turns: readded })
  if (expired > 0) node.log.info('expired turns whose wait timed out', { turns: expired })
  return { strays: renewal.strays.filter((turnId) => !known.has(turnId)), after }
}
