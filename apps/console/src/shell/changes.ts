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

/**
 * Keeps what is shown true while the page is open: one connection tells what changes in the organization. Where it is
 * lost everything is read anew once it is back; until then screens are read anew when somebody looks at them.
 */
export function useChanges(): void {
  useEffect(() => follow(), [])
}

function follow(): () => void {
  let source: EventSource | undefined
  let isOver = false
  let failures = 0
  let wasOpen = false
  let timer: ReturnType<typeof setTimeout> | undefined

  const later = (ms: number, work: () => unknown) => {
    clearTimeout(timer)
    timer = setTimeout(work, ms)
  }
  const live = () => later(silenceMs, again)

  function open() {
    if (isOver) return
    source = new EventSource('/v1/changes?heartbeat=event')
    const on = (name: string, take: (data: never) => void) =>
      source?.addEventListener(name, (event) => {
        live()
        take(JSON.parse(event.data || '{}') as never)
      })
    on('connected', () => {
      failures = 0
      // What happened while nobody listened was not told.
      if (wasOpen) readAnew()
      wasOpen = true
    })
    on('heartbeat', () => {})
    on('session.changed', sessionChanged)
    on('session.deleted', sessionDeleted)
    on('changed', nounChanged)
    on('reset', readAnew)
    source.onerror = again
    live()
  }

  /** Asks for something first: a login that is over is renewed by that, which an EventSource cannot do. */
  async function again() {
    source?.close()
    if (isOver) return
    const pauseMs = Math.min(waitMs.first * 2 ** failures, waitMs.most)
    failures += 1
    later(pauseMs, async () => {
      await outlast.agents.list({ limit: 1 }).then(open, again)
    })
  }

  open()
  return () => {
    isOver = true
    clearTimeout(timer)
    source?.close()
  }
}

const readAnew = () => void queryClient.invalidateQueries()

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
