import type { Event, NewMessage, NewSession } from '@outlast/sdk'
import { useQuery } from '@tanstack/react-query'
import { useEffect, useMemo } from 'react'
import { queryClient } from '../../client.ts'
import { anonymous, meQuery } from '../../queries/me.ts'
import { backoff, isKeyExpired } from './outbox-rules.ts'
import { newKey, sendWaiting } from './outbox-sender.ts'
import {
  createdSessionOf,
  forgetConfirmed,
  laneOf,
  onOutboxChange,
  onOutboxChangeElsewhere,
  outboxState,
  outboxUserId,
  publishOutboxChange,
  readOutbox,
  setOutboxState,
  setOutboxUserId,
  useOutboxState,
} from './outbox-state.ts'
import { addEntry, type OutboxEntry, updateEntry } from './outbox-store.ts'
import { sendUnstored } from './outbox-unstored.ts'

/** An entry as a page shows it. `isStalled`: the last attempt failed and is retried. */
export type Outgoing = OutboxEntry & { isStalled: boolean }

/** Sends stored and new messages of the user while the page is open. */
export function useOutbox(): void {
  const { data: me } = useQuery(meQuery)
  const userId = me === null ? anonymous.id : me?.id
  useEffect(() => {
    if (userId !== undefined) open(userId)
  }, [userId])
}

/** Contract: runs once per page. The page reloads when the user changes. */
function open(userId: string): void {
  if (outboxUserId() !== undefined) return
  setOutboxUserId(userId)
  void readAndSend()
  onOutboxChangeElsewhere(() => void readAndSend())
  addEventListener('online', sendWaiting)
  document.addEventListener('visibilitychange', () => void readAndSend())
}

let nextRead: ReturnType<typeof setTimeout> | undefined

/** Reads and sends the entries. Retries while the browser's storage does not respond. */
async function readAndSend(failures = 0): Promise<void> {
  try {
    await readOutbox()
    sendWaiting()
  } catch {
    clearTimeout(nextRead)
    nextRead = setTimeout(readAndSend, backoff(failures), failures + 1)
  }
}

type Accepted = Pick<OutboxEntry, 'body' | 'session' | 'sessionId'>

async function entryOf(accepted: Accepted): Promise<Omit<OutboxEntry, 'id'>> {
  const { id: userId, organization_id: orgId } =
    (await queryClient.ensureQueryData(meQuery)) ?? anonymous
  const identity = { userId, orgId, key: newKey(), keyedAt: Date.now() }
  return { ...identity, ...accepted, state: 'waiting', problem: null }
}

/** Stores an entry and returns its id. Undefined when the browser has no storage. */
async function store(entry: Omit<OutboxEntry, 'id'>): Promise<number | undefined> {
  let id: number
  try {
    id = await addEntry(entry)
    await publishOutboxChange()
  } catch {
    return undefined
  }
  sendWaiting()
  return id
}

/**
 * Accepts a message. Once this resolves the message is delivered, even if the page is closed.
 * Contract: without browser storage it resolves when the server has the message, and rejects when
 * the server refuses it.
 */
export async function acceptMessage(sessionId: string, body: NewMessage): Promise<void> {
  const entry = await entryOf({ body, sessionId, session: null })
  forgetConfirmed(sessionId)
  if ((await store(entry)) === undefined) await sendUnstored(entry)
}

/**
 * Accepts a session with its first message. Resolves with the session id once the server has
 * created it, and rejects when the server refuses. After a refusal the form keeps the text and the
 * outbox drops it. When `form` is aborted, the outbox keeps it.
 */
export async function acceptSession(
  session: NewSession,
  body: NewMessage,
  form: AbortSignal,
): Promise<string> {
  const entry = await entryOf({ body, session, sessionId: null })
  const id = await store(entry)
  return id === undefined ? sendUnstored(entry) : sessionOf(id, form)
}

const sessionOf = (entryId: number, form: AbortSignal) =>
  new Promise<string>((resolve, reject) => {
    function look() {
      const sessionId = createdSessionOf(entryId)
      const entry = outboxState().stored.find(({ id }) => id === entryId)
      if (sessionId === undefined && entry?.state === 'waiting') return
      stop()
      if (sessionId !== undefined) return resolve(sessionId)
      if (entry) discard(entryId).catch(() => {})
      reject(new Error(entry?.problem ?? 'The message was discarded.'))
    }
    const stop = onOutboxChange(look)
    form.addEventListener('abort', stop)
    if (form.aborted) stop()
    else look()
  })

/** Sends a failed or expired message again at the user's request. */
export async function sendAgain(entryId: number): Promise<void> {
  await updateEntry(entryId, (entry) => {
    const renewed = isKeyExpired(entry) ? { key: newKey(), keyedAt: Date.now() } : {}
    return { ...renewed, state: 'waiting', problem: null }
  })
  await publishOutboxChange()
  sendWaiting()
}

export async function discard(entryId: number): Promise<void> {
  await updateEntry(entryId, () => 'delete')
  await publishOutboxChange()
}

/** Returns messages of a session that its events do not contain yet. */
export function useOutgoing(sessionId: string, events: readonly Event[]): readonly Outgoing[] {
  const { stored, confirmed, stalled } = useOutboxState()
  const mine = useMemo(() => {
    const known = new Set(stored.map(({ id }) => id))
    const all = [...confirmed.filter(({ id }) => !known.has(id)), ...stored]
    return all.filter((one) => one.sessionId === sessionId)
  }, [stored, confirmed, sessionId])
  const arrived = useMemo(() => arrivedKeys(mine, events), [mine, events])
  useEffect(() => {
    const ids = stored.filter(({ key }) => arrived.has(key)).map(({ id }) => id)
    for (const id of ids) discard(id).catch(() => {})
    const left = confirmed.filter(({ key }) => !arrived.has(key))
    if (left.length < confirmed.length) setOutboxState({ confirmed: left })
  }, [stored, confirmed, arrived])
  return useMemo(
    () =>
      mine
        .filter(({ key }) => !arrived.has(key))
        .map((one) => ({ ...one, isStalled: stalled.has(laneOf(one)) })),
    [mine, arrived, stalled],
  )
}

const none: ReadonlySet<unknown> = new Set()

function arrivedKeys(entries: readonly OutboxEntry[], events: readonly Event[]) {
  if (entries.length === 0) return none
  const keys = new Set<unknown>()
  for (const { type, data } of events) {
    if (type === 'input.message') keys.add(data.message.metadata?.client_message_id)
  }
  return keys
}

/** Returns messages of the organization whose delivery failed or is stalled. */
export function useUnsent(): readonly Outgoing[] {
  const { stored, stalled } = useOutboxState()
  const orgId = useQuery(meQuery).data?.organization_id ?? null
  return useMemo(
    () =>
      stored
        .filter((one) => one.orgId === orgId)
        .map((one) => ({ ...one, isStalled: stalled.has(laneOf(one)) }))
        .filter(({ state, isStalled }) => state !== 'waiting' || isStalled),
    [stored, stalled, orgId],
  )
}
