import type pg from 'pg'
import type { Log } from '../log.ts'
import type { WireEvent } from './events.ts'

export type LiveKind = 'output.message.delta' | 'reason.thinking.delta'

/** The message that a model is writing right now: what came so far, in order of arrival. */
export type LiveMessage = {
  /** The sequence of its `output.message.started`. */
  readonly sequence: number
  readonly turnId: string
  /** The context that its deltas carry, as JSON. */
  readonly context: string
  readonly pieces: { kind: LiveKind; text: string }[]
  /** UTF-16 units in all pieces. */
  length: number
}

/** Who follows a session. All of it is a hint: the table is the truth. */
export type Follower = {
  /** Events were stored; they are given when this node stored them. */
  stored: (sequence: number, events?: WireEvent[]) => void
  /** The running message grew. */
  grew: (message: LiveMessage) => void
  /** The session was deleted. */
  deleted: () => void
}

type Hint =
  | { kind: 'stored'; session: string; sequence: number }
  | { kind: 'deleted'; session: string }
  | { kind: 'cancel'; session: string; turn: string }

export type Bus = ReturnType<typeof createBus>

const channel = 'outlast'
const payloadBytesMax = 7_000

export type BusOptions = {
  log: Log
  /** Tells other nodes; absent when there can be none. */
  pool?: pg.Pool | undefined
}

/**
 * Tells followers on this node at once, and those on other nodes by NOTIFY, outside of any transaction and
 * many hints to one statement.
 */
export function createBus({ log, pool }: BusOptions) {
  const followers = new Map<string, Set<Follower>>()
  const live = new Map<string, LiveMessage>()
  const cancelled = new Set<(turnId: string) => void>()
  let waiting: Hint[] = []
  let sending = false

  const each = (session: string, tell: (follower: Follower) => void) => {
    const set = followers.get(session)
    if (set) for (const follower of [...set]) tell(follower)
  }

  /** Sends what waits, one statement at a time, so that a slow database makes fewer and larger ones. */
  async function flush() {
    if (sending || !pool) return
    sending = true
    try {
      while (waiting.length > 0) {
        const payloads = packed(waiting)
        waiting = []
        await pool.query({
          name: 'notify',
          text: `select pg_notify('${channel}', p) from unnest($1::text[]) as p`,
          values: [payloads],
        })
      }
    } catch (error) {
      waiting = []
      log.warn('hints to other nodes were lost', { error })
    } finally {
      sending = false
    }
  }

  function tellOthers(hint: Hint) {
    if (!pool) return
    waiting.push(hint)
    setImmediate(flush)
  }

  function receive(hint: Hint) {
    if (hint.kind === 'stored') each(hint.session, (f) => f.stored(hint.sequence))
    if (hint.kind === 'deleted') each(hint.session, (f) => f.deleted())
    if (hint.kind === 'cancel') for (const tell of cancelled) tell(hint.turn)
  }

  return {
    channel,

    follow(session: string, follower: Follower): () => void {
      const set = followers.get(session) ?? new Set()
      followers.set(session, set.add(follower))
      return () => {
        set.delete(follower)
        if (set.size === 0 && followers.get(session) === set) followers.delete(session)
      }
    },

    isFollowed: (session: string) => followers.has(session),
    followed: () => [...followers.keys()],

    /** The message that this node is writing in a session. */
    liveMessage: (session: string) => live.get(session),

    /** This node stored events up to `sequence`; `present` gives them, so that nobody here need read them. */
    stored(session: string, sequence: number, present?: () => WireEvent[]) {
      if (followers.has(session)) {
        const events = present?.()
        each(session, (follower) => follower.stored(sequence, events))
      }
      tellOthers({ kind: 'stored', session, sequence })
    },

    /** Somewhere, events up to `sequence` were stored. */
    hint(session: string, sequence: number) {
      each(session, (follower) => follower.stored(sequence))
    },

    begin(session: string, message: LiveMessage) {
      live.set(session, message)
    },

    grew(session: string, message: LiveMessage) {
      each(session, (follower) => follower.grew(message))
    },

    end(session: string, message: LiveMessage) {
      if (live.get(session) === message) live.delete(session)
    },

    deleted(session: string) {
      live.delete(session)
      each(session, (follower) => follower.deleted())
      tellOthers({ kind: 'deleted', session })
    },

    cancel(session: string, turn: string) {
      for (const tell of cancelled) tell(turn)
      tellOthers({ kind: 'cancel', session, turn })
    },

    onCancel(tell: (turnId: string) => void): () => void {
      cancelled.add(tell)
      return () => cancelled.delete(tell)
    },

    /** A payload from another node. */
    receive(payload: string) {
      for (const line of payload.split('\n')) receive(JSON.parse(line) as Hint)
    },
  }
}

/** Hints in as few payloads as NOTIFY's limit allows; of several about one session's sequence, the last. */
function packed(hints: Hint[]): string[] {
  const latest = new Map<string, Hint>()
  for (const hint of hints) {
    const key = `${hint.kind} ${hint.session}`
    latest.delete(key)
    latest.set(key, hint)
  }
  const payloads: string[] = []
  for (const line of [...latest.values()].map((hint) => JSON.stringify(hint))) {
    const open = payloads.at(-1)
    if (open !== undefined && open.length + line.length < payloadBytesMax) {
      payloads[payloads.length - 1] = `${open}\n${line}`
    } else payloads.push(line)
  }
  return payloads
}
