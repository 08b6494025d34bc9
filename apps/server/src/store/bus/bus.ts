import type { Change } from '@outlast/contract'
import type { Log } from '../../log.ts'
import type { Db } from '../database.ts'
import type { WireEvent } from '../sessions/events.ts'
import { createCopies, type Outcome } from './copies.ts'
import { type ChangedHint, type Hint, unpacked } from './hints.ts'
import { extend, type LiveMessage, livePauseMs, type Piece } from './live-message.ts'
import { createOutbox, type Transport, type TransportEvents } from './outbox.ts'
import { createSnapshotExchange, type OwnMessage } from './snapshot-exchange.ts'

export type { LiveKind, LiveMessage } from './live-message.ts'

/** Who follows a session. All of it is a hint: the table is the truth. */
export type Follower = {
  orgId: string
  /** Events were stored; they are given when this node stored them. */
  stored: (sequence: number, events?: WireEvent[]) => void
  /** The running message grew. */
  grew: (message: LiveMessage) => void
  /** The session was deleted. */
  deleted: () => void
  /** What was seen may be of a lost history. `last`: the table's last sequence, if known. */
  verify?: (last?: number) => void
}

/** A session, and whose it is. */
export type SessionRef = { orgId: string; sessionId: string }

/** Who watches all that changes, in every organization. Hints too. */
export type Watcher = {
  /** A session's row or events changed. Older nodes do not send the organization. */
  session: (org: string | undefined, session: string) => void
  sessionDeleted: (org: string | undefined, session: string) => void
  changed: (org: string, change: Change) => void
}

export type Bus = ReturnType<typeof createBus>

export type BusOptions = {
  log: Log
  db: Db
  nodeId: string
  /** Begins to carry hints between nodes; absent when there can be no others. */
  connect?: ((events: TransportEvents) => Transport) | undefined
}

/**
 * Tells followers on this node at once, and those on other nodes through a transport, outside of
 * any transaction. Followers everywhere see how a message grows: its text goes over the transport
 * in parts, and who comes late gets a snapshot of what came before, from the node that writes it.
 */
export function createBus({ log, db, nodeId, connect }: BusOptions) {
  const { follow, each, isFollowed, followed } = createFollowers((session) =>
    copies.forget(session),
  )
  const own = new Map<string, OwnMessage>()
  const copies = createCopies()
  const show = paced((session) => {
    const message = copies.find(session)
    if (message) each(session, (follower) => follower.grew(message))
  })
  const cancels = createListeners<[turnId: string]>()
  const looks = createListeners<[]>()
  const connections = createListeners<[]>()
  const nodes = createListeners<[nodeId: string]>()
  const watchers = new Set<Watcher>()
  let peers: readonly string[] | undefined
  const transport = connect?.({ log, receive, connected })
  const outbox = createOutbox(nodeId, { transport, found: announce })
  const exchange = createSnapshotExchange({
    db,
    log,
    written: (snapshot) => outbox.tell({ kind: 'snapshot', ...snapshot }),
    read: ({ sessionId, ...snapshot }) => settle(sessionId, copies.fill(sessionId, snapshot)),
  })

  /** Contract: a payload that this version cannot read changes nothing. */
  function receive(payload: string) {
    const { sender, hints } = unpacked(payload)
    if (sender === nodeId) return
    outbox.heard()
    try {
      for (const hint of hints()) take(hint)
    } catch (error) {
      log.warn('another node said what cannot be read', { error })
    }
  }

  function take(hint: Hint) {
    if (hint.kind === 'cancel') return cancels.tell(hint.turn)
    if (hint.kind === 'look') return hint.node === nodeId ? looks.tell() : undefined
    if (hint.kind === 'hello') return connections.tell()
    if (hint.kind === 'changed') return tellChanged(hint)
    const { session } = hint
    if (hint.kind === 'stored') watch((watcher) => watcher.session(hint.org, session))
    if (hint.kind === 'deleted') watch((watcher) => watcher.sessionDeleted(hint.org, session))
    if (hint.kind === 'ask') return answer(session, hint.sequence)
    if (!isFollowed(session)) return
    if (hint.kind === 'stored') each(session, (follower) => follower.stored(hint.sequence))
    if (hint.kind === 'deleted') each(session, (follower) => follower.deleted())
    if (hint.kind === 'text') settle(session, copies.take(hint))
    if (hint.kind === 'snapshot' && copies.awaits(session, hint.sequence)) exchange.read(session)
  }

  function watch(tell: (watcher: Watcher) => void) {
    for (const watcher of watchers) tell(watcher)
  }

  function tellChanged({ org, noun, id }: ChangedHint) {
    watch((watcher) => {
      if (noun !== 'session') watcher.changed(org, { noun, id })
      else if (id !== null) watcher.session(org, id)
    })
  }

  function settle(session: string, { grew, ask }: Outcome) {
    if (grew) show(session)
    if (ask !== undefined) outbox.tell({ kind: 'ask', session, sequence: ask })
  }

  function answer(session: string, sequence: number) {
    const mine = own.get(session)
    if (mine?.message.sequence === sequence && mine.held()) exchange.write(session, mine)
  }

  /** Announces the positions of this node's messages, so that uninformed followers can ask. */
  function announce() {
    for (const [session, { message, held }] of own) {
      const { sequence, length: offset } = message
      if (offset > 0 && held()) outbox.tell({ kind: 'text', session, sequence, offset, pieces: [] })
    }
  }

  function connected() {
    outbox.tell({ kind: 'hello' })
    announce()
    for (const awaited of copies.awaited()) outbox.tell({ kind: 'ask', ...awaited })
    connections.tell()
  }

  return {
    follow,
    isFollowed,
    followed,
    onCancel: cancels.add,
    /** This node is to look at its row. */
    onLook: looks.add,
    /** Hints may have been lost until now: this node's connection is new, or another node's. */
    onConnected: connections.add,
    /** A node came or went. */
    onNode: nodes.add,
    /** Tells of every change that this node hears of, until the returned function is called. */
    watch(watcher: Watcher): () => void {
      watchers.add(watcher)
      return () => void watchers.delete(watcher)
    },
    /** The other live nodes by lease. Contract: until the first call, some are assumed. */
    setPeers(ids: readonly string[]) {
      const before = peers ?? ids
      peers = ids
      outbox.setPeers(ids.length)
      for (const id of ids) if (!before.includes(id)) nodes.tell(id)
      for (const id of before) if (!ids.includes(id)) nodes.tell(id)
    },
    /** Lets others know that there is somebody to tell. */
    hello: () => outbox.tell({ kind: 'hello' }),
    stop: async () => transport?.stop(),

    /** The newest message that a model is writing in a session, as far as this node knows it. */
    liveMessage(session: string): LiveMessage | undefined {
      const mine = own.get(session)?.message
      const copy = copies.find(session)
      return mine && (!copy || copy.sequence < mine.sequence) ? mine : copy
    },

    /** This node stored events up to `sequence`; `present` returns them without a read. */
    stored(
      { orgId: org, sessionId: session }: SessionRef,
      sequence: number,
      present?: () => WireEvent[],
    ) {
      if (isFollowed(session)) {
        const events = present?.()
        each(session, (follower) => follower.stored(sequence, events))
      }
      watch((watcher) => watcher.session(org, session))
      outbox.tell({ kind: 'stored', session, sequence, org })
    },

    /** Something of an organization changed, and that is committed. */
    changed(org: string, change: Pick<ChangedHint, 'noun' | 'id'>) {
      const hint = { kind: 'changed', org, ...change } as const
      tellChanged(hint)
      outbox.tell(hint)
    },

    /** The table has events up to `sequence`. */
    hint: (session: string, sequence: number) =>
      each(session, (follower) => {
        follower.stored(sequence)
        follower.verify?.(sequence)
      }),

    /** Commits may be lost: drops text of other nodes, and followers check their position. */
    verify() {
      copies.clear()
      for (const { id } of followed()) each(id, (follower) => follower.verify?.())
    },

    /** This node writes a message from here on; `held` is false once another node may do so. */
    begin(session: string, message: LiveMessage, held: () => boolean) {
      const before = own.get(session)
      if (before) this.end(session, before.message)
      own.set(session, { message, held })
    },

    /** Adds to a message of this node's. */
    tell(session: string, message: LiveMessage, pieces: Piece[]) {
      const { sequence, turnId, context, length: offset } = message
      extend(message, offset, pieces)
      each(session, (follower) => follower.grew(message))
      const about = offset === 0 && { about: { turnId, context } }
      outbox.tell({ kind: 'text', session, sequence, offset, pieces, ...about })
    },

    end(session: string, message: LiveMessage) {
      const mine = own.get(session)
      if (mine?.message !== message) return
      own.delete(session)
      void exchange.remove(session, mine)
    },

    /** A follower stands in a message that began at `sequence`, and does not know its text. */
    ask(session: string, sequence: number) {
      if (!transport || own.get(session)?.message.sequence === sequence) return
      if (copies.needs(session, sequence)) outbox.tell({ kind: 'ask', session, sequence })
    },

    /** A follower has got to the event at `sequence`: messages that began before it are over. */
    passed(session: string, sequence: number) {
      if (transport && isFollowed(session)) copies.passed(session, sequence)
    },

    deleted({ orgId: org, sessionId: session }: SessionRef) {
      const mine = own.get(session)
      if (mine) this.end(session, mine.message)
      each(session, (follower) => follower.deleted())
      watch((watcher) => watcher.sessionDeleted(org, session))
      outbox.tell({ kind: 'deleted', session, org })
    },

    /** The session was found to be gone. */
    gone: (session: string) => each(session, (follower) => follower.deleted()),

    look(node: string) {
      if (node === nodeId) looks.tell()
      else outbox.tell({ kind: 'look', node })
    },

    cancel(session: string, turn: string) {
      cancels.tell(turn)
      outbox.tell({ kind: 'cancel', session, turn })
    },
  }
}

function createFollowers(unfollowed: (session: string) => void) {
  const followers = new Map<string, Set<Follower>>()
  return {
    each(session: string, tell: (follower: Follower) => void) {
      const set = followers.get(session)
      if (set) for (const follower of [...set]) tell(follower)
    },
    isFollowed: (session: string) => followers.has(session),
    followed: () => [...followers].map(([id, set]) => ({ orgId: [...set][0]!.orgId, id })),
    follow(session: string, follower: Follower): () => void {
      const set = followers.get(session) ?? new Set()
      followers.set(session, set.add(follower))
      return () => {
        set.delete(follower)
        if (set.size > 0 || followers.get(session) !== set) return
        followers.delete(session)
        unfollowed(session)
      }
    },
  }
}

/** Parts of a text come in bursts: the first is published at once, the rest at most every 50 ms. */
function paced(work: (session: string) => void): (session: string) => void {
  const pausing = new Map<string, { again: boolean }>()
  return function begin(session) {
    const pause = pausing.get(session)
    if (pause) {
      pause.again = true
      return
    }
    work(session)
    const begun = { again: false }
    pausing.set(session, begun)
    setTimeout(() => {
      pausing.delete(session)
      if (begun.again) begin(session)
    }, livePauseMs)
  }
}

function createListeners<Args extends unknown[]>() {
  const listeners = new Set<(...args: Args) => void>()
  return {
    tell(...args: Args) {
      for (const listener of listeners) listener(...args)
    },
    add(listener: (...args: Args) => void): () => void {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}
