import type { Session } from '@outlast/sdk'
import { useEffect } from 'react'
import { outlast, queryClient } from '../client.ts'
import { forgetListed, keepListed } from '../sessions/list-pages.ts'

/** Servers say something every 10 s; a connection without a word for so long is dead. */
const silenceMs = 30_000
const waitMs = { first: 500, most: 30_000 }

/** What else is shown anew when a noun changes. */
const followers: Record<string, string[]> = {
  provider: ['models'],
  mcp_server: ['capabilities'],
  member: ['me'],
  organization: ['me'],
}

/** What the server tells, by the name of its event. */
const takers: Record<string, (data: never) => void> = {
  // What happened while nobody listened was not told.
  connected: readAnew,
  heartbeat() {},
  'session.changed': sessionChanged,
  'session.deleted': sessionDeleted,
  changed: nounChanged,
  reset: readAnew,
}

type Told = { name: string; data: unknown }

/**
 * Keeps what is shown true while the page is open: one connection tells what changes in the organization. Where it is
 * lost everything is read anew once it is back; until then screens are read anew when somebody looks at them.
 */
export function useChanges(): void {
  useEffect(() => {
    const leaving = new AbortController()
    share(leaving.signal)
    return () => leaving.abort()
  }, [])
}

/**
 * Of all tabs one has the connection and tells the others: a browser has few to a server. When it is closed the next
 * one takes over. Contract: where a browser has no locks, over http to another machine, each tab has its own.
 */
async function share(signal: AbortSignal): Promise<void> {
  const take = ({ name, data }: Told) => takers[name]?.(data as never)
  if (!navigator.locks) return follow(take, signal)
  const tabs = new BroadcastChannel('outlast.changes')
  tabs.addEventListener('message', ({ data }) => take(data))
  signal.addEventListener('abort', () => tabs.close())
  const lead = () =>
    follow((told) => {
      take(told)
      tabs.postMessage(told)
    }, signal)
  await navigator.locks.request('outlast.changes', { signal }, lead).catch(() => {})
}

/** Tells what the server tells, from one connection after the other, until the signal. */
function follow(tell: (told: Told) => void, signal: AbortSignal): Promise<void> {
  let source: EventSource | undefined
  let failures = 0
  let timer: ReturnType<typeof setTimeout> | undefined

  const later = (ms: number, work: () => unknown) => {
    clearTimeout(timer)
    if (!signal.aborted) timer = setTimeout(work, ms)
  }

  function open() {
    if (signal.aborted) return
    source = new EventSource('/v1/changes?heartbeat=event')
    for (const name of Object.keys(takers)) {
      source.addEventListener(name, ({ data }) => {
        later(silenceMs, again)
        failures = 0
        tell({ name, data: JSON.parse(data || '{}') })
      })
    }
    source.onerror = again
    later(silenceMs, again)
  }

  /** Asks for something first: a login that is over is renewed by that, which an EventSource cannot do. */
  function again() {
    source?.close()
    const pauseMs = Math.min(waitMs.first * 2 ** failures, waitMs.most)
    failures += 1
    later(pauseMs, () => outlast.agents.list({ limit: 1 }).then(open, again))
  }

  open()
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      source?.close()
      resolve()
    })
  })
}

function readAnew(): void {
  queryClient.invalidateQueries()
}

function sessionChanged(session: Session): void {
  const key = ['session', session.id]
  queryClient.setQueryData<Session>(key, (known) => known && session)
  keepListed(session)
}

function sessionDeleted({ id }: { id: string }): void {
  queryClient.invalidateQueries({ queryKey: ['session', id] })
  forgetListed(id)
}

function nounChanged({ noun, id }: { noun: string; id: string | null }): void {
  const name = noun.replaceAll('_', '-')
  const keys = [[`${name}s`], id === null ? [name] : [name, id]]
  for (const queryKey of [...keys, ...(followers[noun] ?? []).map((key) => [key])]) {
    queryClient.invalidateQueries({ queryKey })
  }
}
