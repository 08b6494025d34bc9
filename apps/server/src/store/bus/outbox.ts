import type { Log } from '../../log.ts'
import { addHint, type Hint, type PendingHints, packed } from './hints.ts'
import { piecesLength } from './live-message.ts'

/** Carries payloads of at most 7,000 bytes to every node, this one included. */
export type Transport = {
  /** Contract: never throws, and resolves soon; what cannot be sent is lost. */
  publish: (payloads: string[]) => Promise<void>
  stop: () => Promise<void>
}

export type TransportEvents = {
  log: Log
  receive: (payload: string) => void
  /** Hints may have been lost until now. */
  connected: () => void
}

/** Text that waits while the transport is slow. Beyond it followers elsewhere need a snapshot. */
const textLengthMax = 8_000_000

/** What is said even to nobody: leases may not tell yet of who hears it. */
const urgent = new Set<Hint['kind']>(['hello', 'cancel', 'look'])

/** How long whoever said something counts as alive, whatever the leases say. */
const heardMs = 1_000

/**
 * What this node tells others: one publication at a time, and all that waits meanwhile with the
 * next, so that a slow transport makes fewer and larger ones. Nothing is said while there is nobody
 * to hear it; `found` is called when that ends.
 */
export function createOutbox(
  sender: string,
  { transport, found }: { transport: Transport | undefined; found: () => void },
) {
  const waiting: PendingHints = new Map()
  let textLength = 0
  let sending = false
  /** Undefined until the leases have been looked at. */
  let peers: number | undefined
  let heardAt = Number.NEGATIVE_INFINITY

  const hasPeers = () => peers !== 0 || performance.now() - heardAt < heardMs

  function learn(change: () => void) {
    const before = hasPeers()
    change()
    if (!before && hasPeers()) found()
  }

  async function flush() {
    if (sending || !transport) return
    sending = true
    while (waiting.size > 0) {
      const payloads = packed(sender, waiting.values())
      waiting.clear()
      textLength = 0
      await transport.publish(payloads)
    }
    sending = false
  }

  return {
    tell(hint: Hint) {
      if (!transport) return
      if (!urgent.has(hint.kind) && !hasPeers()) return
      if (hint.kind === 'text') {
        if (textLength > textLengthMax) return
        textLength += piecesLength(hint.pieces)
      }
      if (waiting.size === 0) setImmediate(flush)
      addHint(waiting, hint)
    },
    setPeers(count: number) {
      learn(() => {
        peers = count
      })
    },
    /** Another node said something. */
    heard() {
      learn(() => {
        heardAt = performance.now()
      })
    },
  }
}
