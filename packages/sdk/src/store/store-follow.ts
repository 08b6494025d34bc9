import type { Event, EventQuery, EventType } from '@outlast/contract'
import { isOutlastError } from '../http/error.ts'
import { errorFrom } from './session-snapshot.ts'
import { persist, type StoreCore, setConnection, targetKey } from './store-core.ts'
import { createSessionLog, unusedTypes } from './store-log.ts'

const pageSizeDefault = 500
/** Pause before another session is opened instead of one that was opened just now. */
const reopenMs = 1_000

/** Types of events that are large and that no view needs. */
const unstreamed: EventType[] = ['llm.generation']

type EventsPage = { data: readonly Event[]; scanned_to?: number }

/**
 * Reads the last events, or those before a sequence. Pages begin with a message, and have the calls
 * that wait whole.
 */
export async function readEvents(core: StoreCore, signal?: AbortSignal, before?: number) {
  const sessionId = core.sessionId!
  let events: Event[] = []
  for (let end = before; ; ) {
    const position = end === undefined ? { order_desc: true } : { before_sequence: end }
    const query = {
      limit: core.target.pageSize ?? pageSizeDefault,
      exclude: unusedTypes,
      ...position,
    }
    const { data, scanned_to } = await readPage(core, sessionId, query, signal)
    events = [...(end === undefined ? data.toReversed() : data), ...events]
    if (scanned_to === undefined) return { events, hasEarlier: false }
    const start = events.findIndex(({ type }) => type === 'input.message')
    if (start !== -1 && !isCutTurn(events, start)) {
      return { events: events.slice(start), hasEarlier: true }
    }
    end = scanned_to
  }
}

function readPage(core: StoreCore, sessionId: string, query: EventQuery, signal?: AbortSignal) {
  const options = { retriesMax: 0, ...(signal && { signal }) }
  const list = () => core.outlast.events.list(sessionId, query, options)
  return persist<EventsPage>(core, list, signal)
}

/** Events of a turn after which none of its earlier calls waits. */
const clearTypes = new Set<string>([
  'session.activated',
  'output.message.completed',
  'turn.completed',
  'turn.failed',
  'turn.cancelled',
])

/** True if the latest turn of the events may have an open call from before the position `start`. */
function isCutTurn(events: readonly Event[], start: number): boolean {
  const turnId = events.findLast(({ context }) => context.turn_id !== undefined)?.context.turn_id
  const isClear = ({ type, context }: Event) => clearTypes.has(type) && context.turn_id === turnId
  return turnId !== undefined && events.findLastIndex(isClear) < start
}

export type Follower = ReturnType<typeof createFollower>

/** Creates what follows the session of a store, with one stream at a time. */
export function createFollower(core: StoreCore, onEvent: (event: Event) => void) {
  const runner = createToolRunner(core, stopUnused)
  let leaving: AbortController | undefined

  /**
   * Leaves a session that was deleted, or whose key has moved, if the key finds or creates another
   * one. Returns false for other errors. Messages that it had are no longer pending.
   */
  function leave(error: unknown, sessionId = core.sessionId): boolean {
    const { pending } = core
    const isCurrent = sessionId !== undefined && sessionId === core.sessionId
    const isLeft = isOutlastError(error, 'not_found', 'changed_meanwhile')
    if (targetKey(core) === undefined || !isCurrent || !isLeft) return false
    stop()
    Object.assign(core, {
      sessionId: undefined,
      log: createSessionLog(),
      pending: pending.filter(({ id, key }) => id === key),
      isLoaded: false,
      hasEarlier: false,
    })
    core.publish()
    return true
  }

  /**
   * Follows the session until the signal is aborted: loads its last events, then streams new ones
   * and runs client tools.
   */
  async function follow(signal: AbortSignal): Promise<void> {
    const wasOpen = core.sessionId !== undefined
    try {
      await core.openSession()
      signal.throwIfAborted()
      if (!core.isLoaded) await load(core, signal)
      runner.takeWaiting()
      for await (const event of streamOf(core, signal, runner.restart)) {
        if (!core.log.add(event)) continue
        if (event.type === 'session.activated') core.error = undefined
        settle(core)
        runner.take(event)
        core.changed()
        onEvent(event)
        stopUnused()
      }
    } catch (error) {
      if (signal.aborted) return
      // If it was opened just now, opening another one at once could be endless.
      const isAgain = wasOpen || core.isLoaded
      if (leave(error) && isAgain) {
        setTimeout(start, wasOpen ? 0 : reopenMs)
        return
      }
      stop()
      core.error = errorFrom(error)
      core.publish()
    }
  }

  /**
   * Follows the session, if the store has a subscriber and a session, or a key of one. Runs calls
   * that began to wait before their tool or a subscriber was there.
   */
  function start(): void {
    const hasSession = (core.sessionId ?? core.target.key) !== undefined
    if (leaving) {
      runner.takeWaiting()
      return
    }
    if (core.listeners.size === 0 || !hasSession) return
    leaving = new AbortController()
    core.error = undefined
    core.refusal = undefined
    void follow(leaving.signal)
  }

  /** Stops without a subscriber. A running tool keeps the stream, whose events may end its call. */
  function stopUnused(): void {
    if (core.listeners.size === 0 && !runner.isBusy()) stop()
  }

  function stop(): void {
    leaving?.abort()
    leaving = undefined
    runner.restart()
  }

  return { start, stop, stopUnused, leave }
}

async function load(core: StoreCore, signal: AbortSignal): Promise<void> {
  // Events before this one are not new, also those of types that are not loaded.
  const query = { limit: 1, order_desc: true, exclude: unstreamed }
  const newest = await readPage(core, core.sessionId!, query, signal)
  const { events, hasEarlier } = await readEvents(core, signal)
  signal.throwIfAborted()
  const log = createSessionLog()
  log.prepend(events)
  newest.data.forEach(log.see)
  Object.assign(core, { log, hasEarlier, isLoaded: true, isMoving: false })
  settle(core)
  core.publish()
}

function streamOf(core: StoreCore, signal: AbortSignal, onLost: () => void) {
  core.log.cut(Number.MAX_SAFE_INTEGER)
  const last = core.log.last()
  return core.outlast.events.stream(core.sessionId!, {
    ...(last ? { since_id: last.id } : { after_sequence: 0 }),
    exclude: unstreamed,
    signal,
    onConnection({ isOpen, error }) {
      // A planned close reconnects at once.
      if (isOpen || error) setConnection(core, error)
    },
    onHistoryChanged({ sequence }) {
      core.log.cut(sequence)
      onLost()
      core.changed()
    },
  })
}

/** Removes pending messages that the log has. */
export function settle(core: StoreCore): void {
  if (core.pending.length === 0) return
  const stored = new Set(core.log.events().flatMap(idsOf))
  core.pending = core.pending.filter(({ id, key }) => !stored.has(id) && !stored.has(key))
}

/** The ids of a message: that of the server, and that of the store that sent it. */
function idsOf({ type, data }: Event): string[] {
  if (type !== 'input.message') return []
  const { id, metadata } = data.message
  const { client_message_id } = (metadata ?? {}) as { client_message_id?: unknown }
  return typeof client_message_id === 'string' ? [id, client_message_id] : [id]
}

/** Runs the client tools of each turn. None starts without a subscriber. */
function createToolRunner(core: StoreCore, onFailed: () => void) {
  const onError = (error: unknown) => {
    core.error = errorFrom(error)
    core.changed()
    // The failed call runs until then.
    queueMicrotask(onFailed)
  }
  const toolNamed = (name: string) => (core.listeners.size ? core.toolNamed(name) : undefined)
  let calls: ReturnType<StoreCore['outlast']['runTools']> | undefined
  const current = () => {
    calls ??= core.outlast.runTools(core.sessionId!, { toolNamed, onError })
    return calls
  }
  function restart() {
    calls?.end()
    calls = undefined
  }
  return {
    restart,
    isBusy: () => calls?.isBusy() ?? false,
    take(event: Event) {
      if (event.type === 'session.activated') restart()
      if (event.sequence !== undefined) current().take(event)
    },
    takeWaiting() {
      const waiting = new Set(core.log.state().transcript.waitingFor.map(({ id }) => id))
      if (waiting.size === 0) return
      for (const event of core.log.events()) {
        if (event.type !== 'tool.call_requested') continue
        if (event.data.tool_calls.some(({ id }) => waiting.has(id))) current().take(event)
      }
    },
  }
}
