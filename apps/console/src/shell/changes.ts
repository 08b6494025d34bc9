import type { Change, ChangeEvent, Session } from '@outlast/sdk'
import { useEffect } from 'react'
import { invalidate, outlast, queryClient } from '../client.ts'
import {
  agentKeys,
  apiKeyKeys,
  capabilityKeys,
  invitationKeys,
  mcpServerKeys,
  meKeys,
  memberKeys,
  modelKeys,
  type NounKeys,
  organizationKeys,
  providerKeys,
  scheduleKeys,
  sessionKeys,
  workerKeys,
} from '../queries/keys.ts'
import { sessionQuery } from '../queries/sessions.ts'
import { forgetListed, keepListed } from '../sessions/list/list-pages.ts'

/** After an error that the client does not mend by itself. */
const againMs = 30_000

/** Keys of each noun, and of other lists that depend on it. */
const keysOfNoun: Record<Change['noun'], [own: NounKeys, ...others: NounKeys[]]> = {
  agent: [agentKeys],
  provider: [providerKeys, modelKeys],
  model: [modelKeys],
  mcp_server: [mcpServerKeys, capabilityKeys],
  schedule: [scheduleKeys],
  key: [apiKeyKeys],
  member: [memberKeys, meKeys],
  invitation: [invitationKeys],
  organization: [organizationKeys, meKeys],
  worker: [workerKeys],
}

/**
 * Keeps what is shown true while the page is open: one connection tells what changes in the
 * organization. Where it is lost everything is fetched again once it is back; until then screens
 * are fetched when they are opened.
 */
export function useChanges(): void {
  useEffect(() => {
    const leaving = new AbortController()
    share(leaving.signal)
    return () => leaving.abort()
  }, [])
}

/**
 * Of all tabs one has the connection and tells the others: a browser has few to a server. When it
 * is closed the next one takes over. Contract: where a browser has no locks, over http to another
 * machine, each tab has its own.
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
  queryClient.setQueryData(sessionQuery(session.id).queryKey, (known) => known && session)
  keepListed(session)
}

function sessionDeleted({ id }: { id: string }): void {
  invalidate(sessionKeys.one(id))
  forgetListed(id)
}

function nounChanged({ noun, id }: Change): void {
  // A newer server may have nouns that this page does not know.
  const [own, ...others] = keysOfNoun[noun] ?? []
  if (!own) return
  const changed = id === null ? [own.all] : [own.lists, own.one(id)]
  invalidate(...changed, ...others.map(({ all }) => all))
}
