import {
  type Event,
  type RunnableTool,
  type SessionActions,
  type SessionSnapshot,
  type SessionStore,
  type SessionTarget,
  sharedSessionStore,
} from '@outlast/sdk'
import { useEffect, useMemo, useRef, useSyncExternalStore } from 'react'
import { type ClientSource, useClient } from './use-client.ts'

export type UseOutlastOptions = ClientSource &
  SessionTarget & {
    /** Tools that run in this page. Each call runs once, also with several components. */
    tools?: readonly RunnableTool[]
    /** Called with each new event of the session, stored or live. */
    onEvent?: (event: Event) => void
  }

/** The state of a session, and the actions of a person. */
export type OutlastSession = SessionSnapshot & SessionActions

/**
 * Follows a session: that with `sessionId`, that of `agentId` and `key`, or a new one of `agentId`.
 * Components with the same session and client share one connection, which closes with the last.
 */
export function useOutlast(options: UseOutlastOptions): OutlastSession {
  const outlast = useClient(options)
  const store = useStore(outlast, options)
  const { subscribe, getSnapshot, getServerSnapshot } = store
  const snapshot = useSyncExternalStore(subscribe, getSnapshot, getServerSnapshot)
  useLatest(store, options)
  return useMemo(() => ({ ...snapshot, ...store.actions }), [snapshot, store])
}

function useStore(outlast: UseOutlastOptions['outlast'] & object, target: SessionTarget) {
  const { sessionId, agentId, key, create, pageSize } = target
  // biome-ignore lint/correctness/useExhaustiveDependencies: other settings are not its identity
  return useMemo(
    () => sharedSessionStore({ outlast, sessionId, agentId, key, create, pageSize }),
    [outlast, sessionId, agentId, key],
  )
}

/** Lets the store call the functions of the latest render. */
function useLatest(store: SessionStore, options: UseOutlastOptions): void {
  const latest = useRef(options)
  useEffect(() => {
    latest.current = options
  })
  const names = options.tools?.map(({ definition }) => definition.name).join()
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new tool runs calls that wait
  useEffect(() => store.addTools(() => latest.current.tools ?? []), [store, names])
  // Subscribes again with a new text. A function is called after a refusal, and can be inline.
  const token = typeof options.token === 'string' && options.token
  // biome-ignore lint/correctness/useExhaustiveDependencies: starts a stream that a token ended
  useEffect(() => store.subscribe(() => {}), [store, token])
  useEffect(() => store.onEvent((event) => latest.current.onEvent?.(event)), [store])
}
