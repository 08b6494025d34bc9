import type { Change, ChangeEvent, Session } from '@outlast/sdk'
import { useEffect } from 'react'
import { outlast, queryClient } from '../client.ts'
import { forgetListed, keepListed } from '../sessions/list/list-pages.ts'

/** After an error that the client does not mend by itself. */
const againMs = 30_000

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
  if (!navigator.locks) return follow(take, signal)
  const tabs = new BroadcastChannel('outlast.changes')
  tabs.addEventListener('message', ({ data }) => take(data))
  signal.addEventListener('abort', () => tabs.close())
  const lead = () =>
    follow((change) => {
      take(change)
      tabs.postMessage(change)
    }, signal)
  await navigator.locks.request('outlast.changes', { signal }, lead).catch(() => {})
}

/** Tells what the server tells, until the signal. */
async function follow(tell: (change: ChangeEvent) => void, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      for await (const change of outlast.changes.stream({ signal })) tell(change)
    } catch {
      // Something else answers, or the person may not read here: that can change.
      if (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, againMs))
    }
  }
}

function take(change: ChangeEvent): void {
  if (change.type === 'reset') queryClient.invalidateQueries()
  else if (change.type === 'session.changed') sessionChanged(change.data)
  else if (change.type === 'session.deleted') sessionDeleted(change.data)
  else nounChanged(change.data)
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

function nounChanged({ noun, id }: Change): void {
  const name = noun.replaceAll('_', '-')
  const keys = [[`${name}s`], id === null ? [name] : [name, id]]
  for (const queryKey of [...keys, ...(followers[noun] ?? []).map((key) => [key])]) {
    queryClient.invalidateQueries({ queryKey })
  }
}
