import type { Change, DeletedSession, Session } from '@outlast/contract'
import { masked } from '../../capabilities/catalog/masking.ts'
import type { Node } from '../../runtime/node.ts'
import type { Watcher } from '../../store/bus/bus.ts'
import type { SessionRef } from '../../store/log/publish.ts'
import { findSessions } from '../../store/sessions/sessions.ts'
import { frameOf } from './event-stream.ts'

/** Minimum interval between batches. A batch has one entry per resource. */
const pauseMs = 250
/** Sessions per read. Each may be large. */
const sessionsMax = 200
/** Maximum of pending changes. Beyond it, readers get `reset`. */
const waitingMax = 10_000

/** Reports that changes may be missing. */
export const resetFrame = frameOf('reset', '{}')

/** A frame with the key of its resource: a newer frame replaces an older one. */
export type ChangeFrame = { key: string; frame: string }

export type ChangeReader = {
  orgId: string
  hears: (noun: Change['noun']) => boolean
  tell: (all: readonly ChangeFrame[]) => void
  close: (reason: string) => void
}

/** Changes for all watchers on this node. */
export type ChangeFeed = {
  /** Contract: reads and stores nothing without a reader. */
  add: (reader: ChangeReader) => () => void
}

type Waiting = {
  /** Sessions to be read. */
  sessions: Map<string, SessionRef>
  deleted: Map<string, SessionRef>
  changed: Map<string, { orgId: string; change: Change }>
}

const newWaiting = (): Waiting => ({ sessions: new Map(), deleted: new Map(), changed: new Map() })

/**
 * Collects the changes that reach this node and sends them to its readers: the first at once, then
 * at most once in 250 ms, with one statement for all sessions of all readers.
 */
export function createChangeFeed({ bus, streamDb, history, capabilities, log }: Node): ChangeFeed {
  const readers = createReaders()
  const waiting = createWaiting(readers, begin)
  let timer: NodeJS.Timeout | undefined
  let telling = false
  let unwatch: (() => void) | undefined

  function begin() {
    // Changes of the same moment go out together.
    if (!telling) timer ??= setTimeout(flush, 0)
  }

  async function flush() {
    telling = true
    const begun = performance.now()
    try {
      await tellAll()
    } catch (error) {
      log.warn('changes are not sent while the database is unavailable', { error })
      for (const reader of readers.all()) reader.close('database_unavailable')
    }
    telling = false
    timer = undefined
    const restMs = pauseMs - (performance.now() - begun)
    if (!readers.isEmpty()) timer = setTimeout(next, Math.max(0, restMs))
  }

  function next() {
    timer = undefined
    if (waiting.isDue()) void flush()
  }

  async function tellAll() {
    const { read, deleted, changed, lost } = waiting.take()
    if (lost) for (const reader of readers.all()) reader.tell([{ key: 'reset', frame: resetFrame }])
    for (const { orgId, change } of changed) readers.tellChange(orgId, change)
    readers.tellOf(deleted.map(deletedOf))
    if (read.length === 0) return
    const rows = await findSessions(streamDb, read)
    readers.tellOf(rows.map((row) => changedOf(masked(capabilities, row))))
  }

  function start() {
    const forgets = [
      bus.watch(waiting.watcher),
      bus.onConnected(waiting.miss),
      history.onChange(waiting.lose),
      bus.onNode((id) => waiting.watcher.changed('', { noun: 'worker', id })),
    ]
    unwatch = () => {
      for (const forget of forgets) forget()
    }
  }

  function stop() {
    unwatch?.()
    unwatch = undefined
    waiting.clear()
    if (telling) return
    clearTimeout(timer)
    timer = undefined
  }

  return {
    add(reader) {
      if (readers.isEmpty()) start()
      readers.add(reader)
      return () => {
        readers.remove(reader)
        if (readers.isEmpty()) stop()
      }
    },
  }
}

/** Collects pending changes. Above the limit they are dropped, and readers get `reset`. */
function createWaiting(readers: ReturnType<typeof createReaders>, begin: () => void) {
  let waiting = newWaiting()
  let lost = false

  const size = () => waiting.sessions.size + waiting.deleted.size + waiting.changed.size

  function wait<T extends { orgId: string }>(into: Map<string, T>, id: string, it: T) {
    into.set(`${it.orgId} ${id}`, it)
    if (size() > waitingMax) return lose()
    begin()
  }

  /** Others may be missing: those that are pending follow the `reset`. */
  function miss() {
    lost = true
    begin()
  }

  function lose() {
    waiting = newWaiting()
    miss()
  }

  const watcher: Watcher = {
    session(org, sessionId) {
      for (const orgId of org === undefined ? readers.organizations() : [org]) {
        if (readers.has(orgId)) wait(waiting.sessions, sessionId, { orgId, sessionId })
      }
    },
    sessionDeleted(orgId, sessionId) {
      if (orgId === undefined) return lose()
      if (!readers.has(orgId)) return
      waiting.sessions.delete(`${orgId} ${sessionId}`)
      wait(waiting.deleted, sessionId, { orgId, sessionId })
    },
    changed(orgId, change) {
      if (!readers.has(orgId) && change.noun !== 'worker') return
      wait(waiting.changed, `${change.noun} ${change.id}`, { orgId, change })
    },
  }

  return {
    watcher,
    miss,
    lose,
    isDue: () => lost || size() > 0,
    /** Takes all pending changes, with at most one read of sessions. */
    take() {
      const { sessions, deleted, changed } = waiting
      const next = [...sessions].slice(0, sessionsMax)
      for (const [key] of next) sessions.delete(key)
      const taken = {
        read: next.map(([, session]) => session),
        deleted: [...deleted.values()],
        changed: [...changed.values()],
        lost,
      }
      waiting = { ...newWaiting(), sessions }
      lost = false
      return taken
    },
    clear() {
      waiting = newWaiting()
      lost = false
    },
  }
}

/** The readers of a feed by organization. */
function createReaders() {
  const byOrg = new Map<string, Set<ChangeReader>>()
  const all = () => [...byOrg.values()].flatMap((set) => [...set])
  return {
    all,
    isEmpty: () => byOrg.size === 0,
    has: (orgId: string) => byOrg.has(orgId),
    organizations: () => byOrg.keys(),
    add(reader: ChangeReader) {
      const set = byOrg.get(reader.orgId) ?? new Set()
      byOrg.set(reader.orgId, set.add(reader))
    },
    remove(reader: ChangeReader) {
      const set = byOrg.get(reader.orgId)
      set?.delete(reader)
      if (set?.size === 0) byOrg.delete(reader.orgId)
    },
    tellChange(orgId: string, change: Change) {
      const told = { key: `${change.noun} ${change.id}`, frame: frameOf('changed', json(change)) }
      const those = change.noun === 'worker' ? all() : [...(byOrg.get(orgId) ?? [])]
      for (const reader of those) if (reader.hears(change.noun)) reader.tell([told])
    },
    tellOf(sessions: (ChangeFrame & { orgId: string })[]) {
      for (const [orgId, told] of Map.groupBy(sessions, (one) => one.orgId)) {
        for (const reader of byOrg.get(orgId) ?? []) reader.tell(told)
      }
    },
  }
}

const json = (data: Session | DeletedSession | Change) => JSON.stringify(data)

const changedOf = (session: Session) => ({
  orgId: session.organization_id,
  key: `session ${session.id}`,
  frame: frameOf('session.changed', json(session)),
})

const deletedOf = ({ orgId, sessionId: id }: SessionRef) => ({
  orgId,
  key: `session ${id}`,
  frame: frameOf('session.deleted', json({ id })),
})
