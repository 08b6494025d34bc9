import type { Session, WaitingPage } from '@outlast/sdk'
import { invalidate, queryClient } from '../client.ts'
import { waitingKeys } from '../queries/keys.ts'
import { notifyOf } from './notifications.ts'

/** Whether a session waited for a person when the stream last reported it. */
const known = new Map<string, boolean>()
const knownMax = 10_000

/** Minimum interval between refetches. */
const refreshMs = 500
let timer: ReturnType<typeof setTimeout> | undefined

function refresh(): void {
  if (timer) return
  timer = setTimeout(() => {
    timer = undefined
    invalidate(waitingKeys.all)
  }, refreshMs)
}

const waitsForPerson = ({ waiting_for: waiting }: Session) =>
  waiting !== null &&
  (waiting.type !== 'tool_results' || waiting.calls.some(({ type }) => type !== 'tool_results'))

function isInWaitingList(id: string): boolean {
  const lists = queryClient.getQueriesData<WaitingPage>({ queryKey: waitingKeys.lists })
  return lists.some(([, page]) => page?.data.some(({ session_id }) => session_id === id))
}

/** Refetches what waits when a session begins to wait, continues, or waits for less. */
export function waitingChanged(session: Session): void {
  const { id } = session
  const isListed = isInWaitingList(id)
  // The list may contain a wait before the stream reports it.
  const did = known.get(id) ?? isListed
  const waits = waitsForPerson(session)
  known.delete(id)
  known.set(id, waits)
  if (known.size > knownMax) known.delete(known.keys().next().value!)
  if (waits || did || isListed) refresh()
  if (waits && !did) notifyOf(session)
}

export function waitingDeleted(id: string): void {
  if (known.get(id) || isInWaitingList(id)) refresh()
  known.delete(id)
}
