import { followDatabaseClock } from '../ids.ts'
import { describeOutage } from '../store/database-errors.ts'
import { endLeases, type LeaseTerms, renewLease } from '../store/sessions/nodes.ts'
import type { Node } from './node.ts'

/** How long a lease lasts, in ms. */
export const leaseMs = 1_500
const renewMs = 500
/** Well before others may take this node's turns, it begins nothing any more. */
const heldMs = 1_200

/** This node's right to run turns, by the database's clock. */
export type Lease = {
  /** False once the lease may be over before the next thing that is begun is over. */
  held: () => boolean
  /** Resolves when the lease is held: at once, or after a renewal that also finds lost turns. */
  whenHeld: () => Promise<void>
  /** Why the node cannot write now; undefined after a renewal within the last lease. */
  problem: () => string | undefined
  /** What the latest renewal saw of other nodes. */
  others: () => Others
  /** Looks at the table now: what this node is told to do may have changed. */
  look: () => void
  end: () => Promise<void>
}

export type Others = {
  /** Living nodes beside this one. */
  peers: number
  /** Those of them that run another version. */
  otherVersions: number
}

export type LeaseOptions = {
  version: string
  /** True when no other node can be using the database: this node takes over its turns at once. */
  alone: boolean
  turns: () => Held
  /** Told with every renewal whether this node is to take turns. */
  drain: (draining: boolean) => void
}

/** What this node runs at a moment. */
export type Held = {
  /** Turns that it has taken, and all that it is about to take, runs or gives back. */
  taken: string[]
  known: string[]
  /**
   * Told of those of `taken` that are not this node's any more, or cancelled. A turn that parked
   * may have been taken again since: what runs then is another attempt, and not meant.
   */
  lose: (turnIds: string[]) => void
}

/** Keeps this node's lease until it ends, and takes care of turns that nobody runs. */
export async function keepLease(node: Node, options: LeaseOptions): Promise<Lease> {
  const { ROLE: role, WORKER_SLOTS: slots } = node.config
  const about = { id: node.id, version: options.version, role, slots }
  const terms: LeaseTerms = { ...about, ms: leaseMs, draining: false, alone: options.alone }
  let problem: string | undefined
  let others: Others = { peers: 0, otherVersions: 0 }
  /** In this node's name but unknown here: if they remain at the next renewal, it is a fault. */
  let strays: string[] = []
  let ended = false
  let renewing = false
  /** Whoever asked for a look while one was under way may not have been seen by it. */
  let again = false
  let renewedAt = Number.NEGATIVE_INFINITY
  let succeededAt = Number.NEGATIVE_INFINITY
  let unbrokenSince = options.alone ? Number.NEGATIVE_INFINITY : performance.now()
  let waiting: (() => void)[] = []

  // Nobody is there who could take its turns from a node that is alone.
  const held = () => options.alone || performance.now() - renewedAt < heldMs

  async function renew() {
    if (renewing) return
    renewing = true
    const begun = performance.now()
    // Stopped, or without the database: whether other nodes live shows only after a whole lease of
    // renewals.
    if (begun - renewedAt > leaseMs && renewedAt > 0) unbrokenSince = begun
    try {
      const judging = begun - unbrokenSince >= leaseMs
      const turns = options.turns()
      const state = await renewLease({ db: node.leaseDb, history: node.history }, terms, {
        ...turns,
        judging,
        strays,
      })
      strays = applyRenewal(node, options, { ...state, turns, terms })
      others = { peers: state.peers.length, otherVersions: state.other_versions }
      succeededAt = performance.now()
      followDatabaseClock(Date.parse(state.now), succeededAt - begun)
      renewedAt = begun
      problem = undefined
      if (held()) for (const resolve of waiting.splice(0)) resolve()
    } catch (error) {
      unbrokenSince = performance.now()
      problem = describeOutage(error)
      if (!ended) node.log.warn('the lease could not be renewed', { error })
    } finally {
      renewing = false
      if (again && !ended) {
        again = false
        void renew()
      }
    }
  }

  await renew()
  const timer = setInterval(renew, renewMs)
  return {
    held,
    whenHeld: () => (held() ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
    problem() {
      if (ended) return 'The node is stopping.'
      const lateMs = performance.now() - succeededAt
      // A renewal that has not failed may only be late, as behind a long task of this process; it
      // fails within a second.
      if (lateMs <= (problem === undefined ? 2 * leaseMs : leaseMs)) return undefined
      return problem ?? `The database has not answered for ${Math.round(lateMs)} ms.`
    },
    others: () => others,
    look() {
      if (renewing) again = true
      else void renew()
    },
    async end() {
      ended = true
      clearInterval(timer)
      for (const resolve of waiting) resolve()
      waiting = []
      await endLeases(node.leaseDb, node.id).catch(() => {})
    },
  }
}

type Renewal = Awaited<ReturnType<typeof renewLease>> & { turns: Held; terms: LeaseTerms }

/** Does what a renewal found; returns the turns in this node's name that it does not know. */
function applyRenewal(node: Node, options: LeaseOptions, renewal: Renewal): string[] {
  const { history, lost, peers, draining, readded, expired, turns, terms } = renewal
  node.history.observe(history)
  turns.lose(lost)
  const known = new Set(options.turns().known)
  node.bus.setPeers(peers)
  options.drain(draining)
  terms.draining = draining
  if (readded > 0) node.log.info('turns without a node', { turns: readded })
  if (expired > 0) node.log.info('turns that waited too long', { turns: expired })
  return renewal.strays.filter((turnId) => !known.has(turnId))
}
