import { type Event, type NewMessage, OutlastError } from '@outlast/sdk'
import { useSyncExternalStore } from 'react'
import { outlast, sentenceOf } from '../client.ts'

/** A message on its way. */
export type Outgoing = {
  /** Of all attempts: the server takes it once. */
  key: string
  body: NewMessage
  /** How far the session was when it was sent. */
  after: number
  /** Where it stands in the session, once the server has it. */
  sequence?: number
  /** Why it did not arrive. */
  problem?: string
  /** The network was away: it is sent again when it is back. */
  isOffline?: boolean
}

const none: readonly Outgoing[] = []
const outgoing = new Map<string, readonly Outgoing[]>()
const watchers = new Set<() => void>()
const retriesMax = 8

function put(sessionId: string, change: (before: readonly Outgoing[]) => readonly Outgoing[]) {
  outgoing.set(sessionId, change(outgoing.get(sessionId) ?? none))
  for (const watch of watchers) watch()
}

const replaced = (key: string, change: (one: Outgoing) => Outgoing) => (all: readonly Outgoing[]) =>
  all.map((one) => (one.key === key ? change(one) : one))

async function attempt(sessionId: string, one: Outgoing): Promise<void> {
  const { key, body, after } = one
  put(
    sessionId,
    replaced(key, () => ({ key, body, after })),
  )
  try {
    const options = { idempotencyKey: key, retriesMax }
    const { sequence } = await outlast.messages.create(sessionId, body, options)
    put(
      sessionId,
      replaced(key, (one) => ({ ...one, sequence })),
    )
  } catch (error) {
    const isOffline = error instanceof OutlastError && error.status === 0
    const failed = { problem: sentenceOf(error), isOffline }
    put(
      sessionId,
      replaced(key, (one) => ({ ...one, ...failed })),
    )
  }
}

/** `randomUUID` is there on secure origins only, and a console may be at http in a private network. */
const newKey = () =>
  Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join('-')

export function sendMessage(sessionId: string, body: NewMessage, after: number): void {
  const one = { key: newKey(), body, after }
  put(sessionId, (all) => [...all.filter(({ sequence }) => sequence === undefined), one])
  attempt(sessionId, one)
}

export function sendAgain(sessionId: string, one: Outgoing): void {
  attempt(sessionId, one)
}

addEventListener('online', () => {
  for (const [sessionId, all] of outgoing) {
    for (const one of all) if (one.isOffline) attempt(sessionId, one)
  }
})

export function dropOutgoing(sessionId: string, key: string): void {
  put(sessionId, (all) => all.filter((one) => one.key !== key))
}

/** Those that the conversation does not show yet. */
export function useOutgoing(sessionId: string, events: readonly Event[]): readonly Outgoing[] {
  const all = useSyncExternalStore(watch, () => outgoing.get(sessionId) ?? none)
  return all.length === 0 ? none : unseen(all, events)
}

function watch(watcher: () => void) {
  watchers.add(watcher)
  return () => watchers.delete(watcher)
}

/** The stream may tell of a message before the answer to its request is there. */
function unseen(all: readonly Outgoing[], events: readonly Event[]): readonly Outgoing[] {
  const first = Math.min(...all.map(({ after }) => after))
  const seen: { sequence: number; content: string }[] = []
  for (let at = events.length - 1; at >= 0 && (events[at]!.sequence ?? 0) > first; at--) {
    const { type, data, sequence } = events[at]!
    if (type !== 'input.message') continue
    seen.unshift({ sequence: sequence!, content: JSON.stringify(data.message.content) })
  }
  return all.filter(({ body, sequence, after }) => {
    const content = JSON.stringify(body.message.content)
    const at = seen.findIndex((one) =>
      sequence === undefined
        ? one.sequence > after && one.content === content
        : one.sequence === sequence,
    )
    if (at !== -1) seen.splice(at, 1)
    return at === -1
  })
}
