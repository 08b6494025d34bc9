import type { Page, Session } from '@outlast/sdk'
import { queryClient } from '../../client.ts'
import { sessionKeys } from '../../queries/keys.ts'
import { type SessionFilter, sessionPageKeys } from '../../queries/sessions.ts'
import { hasState, mayBelong } from './belongs.ts'

const pages = { queryKey: sessionPageKeys }

/** Minimum interval between refetches of the lists. */
const refreshMs = 1_000

let timer: ReturnType<typeof setTimeout> | undefined
let refreshedAt = 0

/** Schedules a refetch of the lists. */
function refresh(): void {
  if (timer) return
  const pauseMs = Math.max(100, refreshedAt + refreshMs - Date.now())
  timer = setTimeout(() => {
    timer = undefined
    refreshedAt = Date.now()
    const lists = { queryKey: sessionKeys.lists }
    const underWay = queryClient.getQueryCache().findAll({ ...lists, fetchStatus: 'fetching' })
    queryClient.invalidateQueries(lists, { cancelRefetch: false })
    // The answer to a request that was under way may be older than the change.
    for (const { promise, queryKey } of underWay) {
      const again = () =>
        queryClient.invalidateQueries({ queryKey, exact: true }, { cancelRefetch: false })
      promise?.then(again, () => {})
    }
  }, pauseMs)
}

/** The server reads texts, costs and activity a few seconds after a change of the session. */
const readMs = 4_000

/** True if a change matters to a list once the server has read it. */
const isReadLater = ({ q, sort, cost_above }: SessionFilter) =>
  q !== undefined || sort === 'last_activity' || sort === 'cost' || cost_above !== undefined

let readTimer: ReturnType<typeof setTimeout> | undefined
/** Another change came while the timer was running: the server may read it after the refetch. */
let isReadAgain = false

function refreshOnceRead(): void {
  isReadAgain = readTimer !== undefined
  if (isReadAgain) return
  readTimer = setTimeout(() => {
    readTimer = undefined
    refresh()
    if (isReadAgain) refreshOnceRead()
  }, readMs)
}

/** Updates a changed session in cached pages, and refetches lists that may be missing it. */
export function keepListed(session: Session): void {
  let isOdd = false
  let isLater = false
  for (const [key, page] of queryClient.getQueriesData<Page<Session>>(pages)) {
    const [filter, number] = key.slice(sessionPageKeys.length) as [SessionFilter, number]
    // Also if its first page is still loading, which may not have the change.
    isLater ||= isReadLater(filter)
    if (!page) continue
    const known = page.data.find(({ id }) => id === session.id)
    if (!known) {
      isOdd ||= mayBelong(session, filter, number === 0 ? page : undefined)
      continue
    }
    isOdd ||= hasState(known, filter) && !hasState(session, filter)
    // A change does not say what a search found.
    const { match } = known
    const next = match ? { ...session, match } : session
    const data = page.data.map((one) => (one.id === session.id ? next : one))
    queryClient.setQueryData(key, { ...page, data })
  }
  if (isOdd) refresh()
  if (isLater) refreshOnceRead()
}

/** Refetches the lists that contain a deleted session. */
export function forgetListed(id: string): void {
  const known = queryClient.getQueriesData<Page<Session>>(pages)
  const isListed = known.some(([, page]) => page?.data.some((one) => one.id === id))
  if (isListed) refresh()
}
