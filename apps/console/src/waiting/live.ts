import type { Session, WaitingPage } from '@outlast/sdk'
import { invalidate, queryClient } from '../client.ts'
import { waitingKeys } from '../queries/keys.ts'
import { notifyOf } from './notifications.ts'

/** Sessions that have been seen to wait for a person. */
const known = new Set<string>()

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
  const did = known.has(id) || isInWaitingList(id)
  const waits = waitsForPerson(session)
  if (waits) known.add(id)
  else known.delete(id)
  if (waits || did) refresh()
  if (waits && !did) notifyOf(session)
}

export function waitingDeleted(id: string): void {
  if (known.delete(id) || isInWaitingList(id)) refresh()
}
