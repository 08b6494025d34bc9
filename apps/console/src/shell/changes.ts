import type { Change, ChangeEvent, Session } from '@outlast/sdk'
import { useEffect } from 'react'
import { invalidate, outlast, queryClient } from '../client.ts'
import {
  agentKeys,
  alertKeys,
  apiKeyKeys,
  budgetKeys,
  capabilityKeys,
  imageKeys,
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
  waitingKeys,
  webhookKeys,
  workerKeys,
} from '../queries/keys.ts'
import { sessionQuery } from '../queries/sessions.ts'
import { forgetListed, keepListed } from '../sessions/list/list-pages.ts'
import { waitingChanged, waitingDeleted } from '../waiting/live.ts'

/** Delay after an error that the client does not retry. */
const againMs = 30_000

/** Query keys of each noun, followed by those of dependent nouns. */
const keysOfNoun: Record<Change['noun'], [own: NounKeys, ...others: NounKeys[]]> = {
  agent: [agentKeys],
  provider: [providerKeys, modelKeys],
  model: [modelKeys],
  mcp_server: [mcpServerKeys, capabilityKeys, waitingKeys],
  schedule: [scheduleKeys],
  budget: [budgetKeys],
  webhook: [webhookKeys],
  alert: [alertKeys],
  image: [imageKeys],
  key: [apiKeyKeys],
  // The console has no screen of channels.
  agent_channel: [agentKeys],
  member: [memberKeys, meKeys],
  invitation: [invitationKeys],
  organization: [organizationKeys, meKeys],
  worker: [workerKeys],
}

/**
 * Keeps cached data up to date through one stream of the organization's changes. After a lost
 * connection all data is fetched again. Until then screens fetch when they open.
 */
export function useChanges(): void {
  useEffect(() => {
    const leaving = new AbortController()
    share(leaving.signal)
    return () => leaving.abort()
  }, [])
}

/**
 * Shares one connection between all tabs, because a browser limits connections per server. When the
 * leading tab closes, another tab takes over. Contract: without browser locks (plain HTTP to
 * another host) each tab has its own connection.
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

/** Passes changes of the server to `onChange` until the signal aborts. */
async function follow(onChange: (change: ChangeEvent) => void, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      for await (const change of outlast.changes.stream({ signal })) onChange(change)
    } catch {
      // Another service answers, or the user lacks permission. Both can change.
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
  const { queryKey } = sessionQuery(session.id)
  if (queryClient.getQueryData(queryKey)) {
    // The response to an earlier request could be older than this change.
    void queryClient.cancelQueries({ queryKey, exact: true })
    queryClient.setQueryData(queryKey, session)
  }
  keepListed(session)
  waitingChanged(session)
}

function sessionDeleted({ id }: { id: string }): void {
  invalidate(sessionKeys.one(id))
  forgetListed(id)
  waitingDeleted(id)
}

function nounChanged({ noun, id }: Change): void {
  // A newer server may have unknown nouns.
  const [own, ...others] = keysOfNoun[noun] ?? []
  if (!own) return
  const changed = id === null ? [own.all] : [own.lists, own.one(id)]
  invalidate(...changed, ...others.map(({ all }) => all))
}
