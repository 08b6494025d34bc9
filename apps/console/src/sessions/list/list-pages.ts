import type { Page, Session, SessionQuery } from '@outlast/sdk'
import { queryOptions } from '@tanstack/react-query'
import { outlast, queryClient } from '../../client.ts'

/** Which sessions are listed. */
export type SessionFilter = Pick<SessionQuery, 'search' | 'status' | 'agent_id' | 'tag'>

export const pageSize = 50
/** However much happens, lists are read anew no more often. */
const refreshMs = 1_000

/** One page of a list. Those that nobody looks at are dropped. */
export const pageOf = (filter: SessionFilter, number: number) =>
  queryOptions({
    queryKey: ['sessions', filter, number] as const,
    gcTime: 60_000,
    queryFn: async ({ signal }) =>
      await outlast.sessions.list(
        { ...filter, offset: number * pageSize, limit: pageSize },
        { signal },
      ),
  })

const lists = { queryKey: ['sessions'] }
type Key = readonly [string, SessionFilter?, number?]

let timer: ReturnType<typeof setTimeout> | undefined
let refreshedAt = 0

/** Reads the lists anew, soon. */
function refresh(): void {
  if (timer) return
  const pauseMs = Math.max(100, refreshedAt + refreshMs - Date.now())
  timer = setTimeout(() => {
    timer = undefined
    refreshedAt = Date.now()
    queryClient.invalidateQueries(lists, { cancelRefetch: false })
  }, pauseMs)
}

/** A session changed: it is shown as it is now where it is listed, and where it may have to be listed lists are read anew. */
export function keepListed(session: Session): void {
  let isOdd = false
  for (const [key, page] of queryClient.getQueriesData<Page<Session>>(lists)) {
    const [, filter, number] = key as Key
    if (!page || number === undefined || !filter) continue
    const known = page.data.find(({ id }) => id === session.id)
    if (!known) {
      isOdd ||= mayBelong(session, filter, number === 0 ? page : undefined)
      continue
    }
    isOdd ||= filter.status !== undefined && known.status !== session.status
    const data = page.data.map((one) => (one.id === session.id ? session : one))
    queryClient.setQueryData(key, { ...page, data })
  }
  if (isOdd) refresh()
}

/** Whether a list that does not show a session may have to. The first page has the newest. */
function mayBelong(session: Session, filter: SessionFilter, first: Page<Session> | undefined) {
  if (filter.agent_id && filter.agent_id !== session.agent_id) return false
  if (filter.status && filter.status !== session.status) return false
  if (filter.tag && !session.tags.includes(filter.tag)) return false
  if (!first) return false
  const newest = first.data[0]
  const isNew = !newest || session.created_at >= newest.created_at
  return (
    isNew || filter.status !== undefined || filter.tag !== undefined || filter.search !== undefined
  )
}

/** A session is gone: so it is from the lists. */
export function forgetListed(id: string): void {
  const pages = queryClient.getQueriesData<Page<Session>>(lists)
  const isListed = pages.some(([, page]) => page?.data?.some((one) => one.id === id))
  if (isListed) refresh()
}
