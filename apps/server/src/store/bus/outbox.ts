import type { Log } from '../../log.ts'
import {
  addHint,
  type Hint,
  newsLength,
  type PendingHints,
  packed,
  withLimitedNews,
} from './hints.ts'
import { piecesLength } from './live-message.ts'

/** Carries payloads of at most 7,000 bytes to every node, this one included. */
export type Transport = {
  /**
   * Publishes payloads.
   * Contract: never throws, and resolves soon; a payload that cannot be sent is lost.
   */
  publish: (payloads: string[]) => Promise<void>
  stop: () => Promise<void>
}

export type TransportEvents = {
  log: Log
  receive: (payload: string) => void
  /** Hints may have been lost until now. */
  connected: () => void
}

/**
 * Limits of pending text and events while the transport is slow. Beyond them, followers on other
 * nodes need a snapshot, or read the events.
 */
const allTextLengthMax = 8_000_000
const allNewsLengthMax = 2_000_000

/** Kinds that are sent without known recipients: leases may not show a new recipient yet. */
const urgent = new Set<Hint['kind']>(['hello', 'cancel', 'look'])

/** How long a node counts as alive after a hint from it, even without a lease. */
const heardMs = 1_000

/**
 * Publishes hints to other nodes, one publication at a time. Hints that arrive meanwhile are sent
 * with the next one, so a slow transport gets fewer and larger publications. Sends nothing while
 * there is no other node; `found` is called when one appears.
 */
export function createOutbox(
  sender: string,
  { transport, found }: { transport: Transport | undefined; found: () => void },
) {
  const waiting: PendingHints = new Map()
  const length = { text: 0, news: 0 }
  let sending = false
  /** Undefined until the leases have been read. */
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
      Object.assign(length, { text: 0, news: 0 })
      await transport.publish(payloads)
    }
    sending = false
  }

  return {
    tell(hint: Hint) {
      if (!transport) return
      if (!urgent.has(hint.kind) && !hasPeers()) return
      if (hint.kind === 'text') {
        if (length.text > allTextLengthMax) return
        length.text += piecesLength(hint.pieces)
      }
      const sent =
        hint.kind === 'stored' ? withLimitedNews(hint, allNewsLengthMax - length.news) : hint
      if (sent.kind === 'stored') length.news += newsLength(sent)
      if (waiting.size === 0) setImmediate(flush)
      addHint(waiting, sent)
    },
    setPeers(count: number) {
      learn(() => {
        peers = count
      })
    },
    /** A hint of another node has arrived. */
    heard() {
      learn(() => {
        heardAt = performance.now()
      })
    },
  }
}
