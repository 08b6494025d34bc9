import type { Change } from '@outlast/contract'
import type { Log } from '../../log.ts'
import type { Db } from '../database.ts'
import type { History } from '../history.ts'
import type { WireEvent } from '../log/events.ts'
import type { SessionRef } from '../log/publish.ts'
import { type CopyUpdate, createCopies } from './copies.ts'
import { type ChangedHint, type Hint, type StoredHint, unpacked } from './hints.ts'
import { createListeners, type Listeners } from './listeners.ts'
import { extend, type LiveMessage, type Piece } from './live-message.ts'
import { createOutbox, type Transport, type TransportEvents } from './outbox.ts'
import { pacedPerSession } from './paced.ts'
import { createSnapshotExchange, type OwnMessage } from './snapshot-exchange.ts'
import { createQuestions, createWanted } from './wanted.ts'

export type { LiveCall, LiveKind, LiveMessage } from './live-message.ts'

/** A subscriber of a session. All calls are hints: the table is the source of truth. */
export type Follower = {
  orgId: string
  /** Events were stored. They are included when this node stored them, or if they are short. */
  stored: (sequence: number, events?: WireEvent[]) => void
  /** The running message grew. */
  grew: (message: LiveMessage) => void
  /** The session was deleted. */
  deleted: () => void
  /**
   * The data read so far may belong to a lost history. `last`: the table's last sequence, if known,
   * by a read that began at `readAt`.
   */
  verify?: (last?: number, readAt?: number) => void
}

/** A subscriber of all changes in all organizations. Its calls are hints too. */
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
  history: Pick<History, 'identity'>
  /** Connects the transport of hints between nodes; absent when no other node can exist. */
  connect?: ((events: TransportEvents) => Transport) | undefined
}

/**
 * Publishes hints to followers: at once on this node, and through a transport on other nodes,
 * outside of any transaction. Followers on all nodes receive a message while it grows. The
 * transport carries its text in parts; a late follower gets a snapshot from the node that writes
 * the message.
 */
export function createBus({ log, db, nodeId, history, connect }: BusOptions) {
  const copies = createCopies()
  const questions = createQuestions((session) => outbox.tell({ kind: 'want', session }))
  const followers = createFollowers((session) => {
    copies.forget(session)
    questions.forget(session)
  })
  const transport = connect?.({
    log,
    receive: (payload) => receive(parts, payload),
    connected: () => connected(parts),
  })
  const outbox = createOutbox(nodeId, { transport, found: () => greet(parts) })
  const parts: Parts = {
    log,
    nodeId,
    history,
    transport,
    outbox,
    exchange: createSnapshotExchange({
      db,
      log,
      written: (snapshot) => outbox.tell({ kind: 'snapshot', ...snapshot }),
      read: ({ sessionId, ...snapshot }) =>
        settle(parts, sessionId, copies.fill(sessionId, snapshot)),
    }),
    copies,
    followers,
    own: new Map(),
    wanted: createWanted(),
    questions,
    show: pacedPerSession((session) => {
      const message = copies.find(session)
      if (message) followers.each(session, (follower) => follower.grew(message))
    }),
    cancels: createListeners(),
    looks: createListeners(),
    connections: createListeners(),
    nodes: createListeners(),
    watchers: new Set(),
  }
  return { ...listening(parts), ...nodesOf(parts), ...messagesOf(parts), ...changesOf(parts) }
}

/** State that the parts of the bus share. */
type Parts = {
  log: Log
  nodeId: string
  history: BusOptions['history']
  transport: Transport | undefined
  outbox: ReturnType<typeof createOutbox>
  exchange: ReturnType<typeof createSnapshotExchange>
  copies: ReturnType<typeof createCopies>
  followers: ReturnType<typeof createFollowers>
  /** Messages that this node writes, by session. */
  own: Map<string, OwnMessage>
  /** Sessions that other nodes follow. */
  wanted: ReturnType<typeof createWanted>
  questions: ReturnType<typeof createQuestions>
  show: (session: string) => void
  cancels: Listeners<[turnId: string]>
  looks: Listeners<[]>
  connections: Listeners<[]>
  nodes: Listeners<[nodeId: string]>
  watchers: Set<Watcher>
}

/** Processes a payload of another node. Contract: an unreadable payload changes nothing. */
function receive(parts: Parts, payload: string) {
  const { sender, hints } = unpacked(payload)
  if (sender === parts.nodeId) return
  parts.outbox.heard()
  try {
    for (const hint of hints()) take(parts, hint)
  } catch (error) {
    parts.log.warn('another node sent an unreadable payload', { error })
  }
}

function take(parts: Parts, hint: Hint) {
  if (hint.kind === 'cancel') return parts.cancels.tell(hint.turn)
  if (hint.kind === 'look') return hint.node === parts.nodeId ? parts.looks.tell() : undefined
  if (hint.kind === 'want') return parts.wanted.add(hint.session)
  if (hint.kind === 'hello') return parts.connections.tell()
  if (hint.kind === 'changed') return tellChanged(parts, hint)
  const { session } = hint
  const { copies, followers } = parts
  if (hint.kind === 'stored') watch(parts, (watcher) => watcher.session(hint.org, session))
  if (hint.kind === 'deleted') watch(parts, (watcher) => watcher.sessionDeleted(hint.org, session))
  if (hint.kind === 'ask') return answerAsk(parts, session, hint.sequence)
  if (!followers.isFollowed(session)) return
  if (hint.kind === 'stored') takeStored(parts, hint)
  if (hint.kind === 'deleted') followers.each(session, (follower) => follower.deleted())
  if (hint.kind === 'text') settle(parts, session, copies.take(hint))
  if (hint.kind === 'snapshot' && copies.awaits(session, hint.sequence))
    parts.exchange.read(session)
}

function takeStored(parts: Parts, { session, sequence, news }: StoredHint) {
  // Events of another history may be lost: the hint is late.
  const events = news?.history === parts.history.identity() ? news?.events : undefined
  parts.followers.each(session, (follower) => follower.stored(sequence, events))
  if (!news) parts.questions.ask(session)
}

function watch(parts: Parts, tell: (watcher: Watcher) => void) {
  for (const watcher of parts.watchers) tell(watcher)
}

function tellChanged(parts: Parts, { org, noun, id }: ChangedHint) {
  watch(parts, (watcher) => {
    if (noun !== 'session') watcher.changed(org, { noun, id })
    else if (id !== null) watcher.session(org, id)
  })
}

function settle(parts: Parts, session: string, { grew, ask }: CopyUpdate) {
  if (grew) parts.show(session)
  if (ask !== undefined) parts.outbox.tell({ kind: 'ask', session, sequence: ask })
}

function answerAsk(parts: Parts, session: string, sequence: number) {
  const mine = parts.own.get(session)
  if (mine?.message.sequence === sequence && mine.held()) parts.exchange.write(session, mine)
}

/** Announces the positions of this node's messages, so that followers without the text can ask. */
function announce(parts: Parts) {
  for (const [session, { message, held }] of parts.own) {
    const { sequence, length: offset } = message
    if (offset > 0 && held())
      parts.outbox.tell({ kind: 'text', session, sequence, offset, pieces: [] })
  }
}

/** Announces this node to one that appeared: hints that were sent before may be lost. */
function greet(parts: Parts) {
  parts.outbox.tell({ kind: 'hello' })
  announce(parts)
}

function connected(parts: Parts) {
  greet(parts)
  for (const awaited of parts.copies.awaited()) parts.outbox.tell({ kind: 'ask', ...awaited })
  parts.connections.tell()
}

function listening(parts: Parts) {
  return {
    follow(session: string, follower: Follower): () => void {
      if (!parts.followers.isFollowed(session)) parts.questions.ask(session)
      return parts.followers.follow(session, follower)
    },
    isFollowed: parts.followers.isFollowed,
    followed: parts.followers.followed,
    onCancel: parts.cancels.add,
    /** Called when this node must read its row in `nodes`. */
    onLook: parts.looks.add,
    /** Called when hints may have been lost: a connection of this node or of another one is new. */
    onConnected: parts.connections.add,
    /** Called when a node joins or leaves. */
    onNode: parts.nodes.add,
    /** Reports every change that reaches this node until the returned function is called. */
    watch(watcher: Watcher): () => void {
      parts.watchers.add(watcher)
      return () => void parts.watchers.delete(watcher)
    },
  }
}

function nodesOf(parts: Parts) {
  let peers: readonly string[] | undefined
  return {
    /** The other live nodes by lease. Contract: until the first call, some are assumed. */
    setPeers(ids: readonly string[]) {
      // Readers may have joined before the first call: they hear of all nodes then.
      const before = peers ?? []
      peers = ids
      parts.outbox.setPeers(ids.length)
      for (const id of ids) if (!before.includes(id)) parts.nodes.tell(id)
      for (const id of before) if (!ids.includes(id)) parts.nodes.tell(id)
    },
    /** Announces this node to the others, so that they send hints to it. */
    hello: () => parts.outbox.tell({ kind: 'hello' }),
    stop: async () => parts.transport?.stop(),

    requestLook(node: string) {
      if (node === parts.nodeId) parts.looks.tell()
      else parts.outbox.tell({ kind: 'look', node })
    },
  }
}

function endMessage(parts: Parts, session: string, message: LiveMessage) {
  const mine = parts.own.get(session)
  if (mine?.message !== message) return
  parts.own.delete(session)
  void parts.exchange.remove(session, mine)
}

function messagesOf(parts: Parts) {
  return {
    /** The newest running message of a session, as far as this node has received it. */
    liveMessage(session: string): LiveMessage | undefined {
      const mine = parts.own.get(session)?.message
      const copy = parts.copies.find(session)
      return mine && (!copy || copy.sequence < mine.sequence) ? mine : copy
    },

    /**
     * Registers a message that this node writes. `held` returns false once another node may write
     * it.
     */
    beginMessage(session: string, message: LiveMessage, held: () => boolean) {
      const before = parts.own.get(session)
      if (before) endMessage(parts, session, before.message)
      parts.own.set(session, { message, held })
    },

    /** Appends text to a message of this node. */
    appendText(session: string, message: LiveMessage, pieces: Piece[]) {
      const { sequence, turnId, context, length: offset } = message
      extend(message, offset, pieces)
      parts.followers.each(session, (follower) => follower.grew(message))
      const about = offset === 0 && { about: { turnId, context } }
      parts.outbox.tell({ kind: 'text', session, sequence, offset, pieces, ...about })
    },

    endMessage: (session: string, message: LiveMessage) => endMessage(parts, session, message),

    /** A follower has reached a message that began at `sequence`, and lacks its text. */
    requestText(session: string, sequence: number) {
      const { transport, followers, own } = parts
      // The copy of a session without followers would never be dropped.
      if (!transport || !followers.isFollowed(session)) return
      if (own.get(session)?.message.sequence === sequence) return
      if (parts.copies.needs(session, sequence))
        parts.outbox.tell({ kind: 'ask', session, sequence })
    },

    /** A follower has passed the event at `sequence`: messages that began before it have ended. */
    passed(session: string, sequence: number) {
      if (parts.transport && parts.followers.isFollowed(session))
        parts.copies.passed(session, sequence)
    },
  }
}

function changesOf(parts: Parts) {
  return {
    /** This node stored events up to `sequence`; `wireEvents` returns them without a read. */
    stored(
      { orgId: org, sessionId: session }: SessionRef,
      sequence: number,
      wireEvents?: () => WireEvent[],
    ) {
      const isWanted = parts.wanted.has(session)
      const isFollowed = parts.followers.isFollowed(session)
      const events = isFollowed || isWanted ? wireEvents?.() : undefined
      if (isFollowed) parts.followers.each(session, (one) => one.stored(sequence, events))
      watch(parts, (watcher) => watcher.session(org, session))
      const history = parts.history.identity()
      const news = isWanted && history !== undefined && { news: { events: events ?? [], history } }
      parts.outbox.tell({ kind: 'stored', session, sequence, org, ...news })
    },

    /** A resource of an organization changed, and the change is committed. */
    changed(org: string, change: Pick<ChangedHint, 'noun' | 'id'>) {
      const hint = { kind: 'changed', org, ...change } as const
      tellChanged(parts, hint)
      parts.outbox.tell(hint)
    },

    /** By a read that began at `readAt`, the table has events up to `sequence`. */
    hint: (session: string, sequence: number, readAt: number) =>
      parts.followers.each(session, (follower) => {
        follower.stored(sequence)
        follower.verify?.(sequence, readAt)
      }),

    /** Commits may be lost: drops the text of other nodes, and followers verify their position. */
    verify() {
      parts.copies.clear()
      for (const { id } of parts.followers.followed())
        parts.followers.each(id, (follower) => follower.verify?.())
    },

    deleted({ orgId: org, sessionId: session }: SessionRef) {
      const mine = parts.own.get(session)
      if (mine) endMessage(parts, session, mine.message)
      parts.followers.each(session, (follower) => follower.deleted())
      watch(parts, (watcher) => watcher.sessionDeleted(org, session))
      parts.outbox.tell({ kind: 'deleted', session, org })
    },

    /** The session no longer exists. */
    gone: (session: string) => parts.followers.each(session, (follower) => follower.deleted()),

    cancel(session: string, turn: string) {
      parts.cancels.tell(turn)
      parts.outbox.tell({ kind: 'cancel', session, turn })
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
