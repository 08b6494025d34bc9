import type { Outlast, Session, SessionQuery, Workflow } from '@outlast/sdk'
import { OutlastError } from '@outlast/sdk'
import type { Given } from '../core/command.ts'
import { type listFlags, take } from '../output/list.ts'
import type { Rows } from '../output/output.ts'

/** Rows that a filter on the client reads at most. */
const scannedMax = 1_000

type Calls = { outlast: Outlast; signal: AbortSignal }
type Filters = Pick<SessionQuery, 'agent_id' | 'tag' | 'search' | 'legal_hold' | 'pinned'>
type Paging = Given<typeof listFlags>

/** Takes the matches among the first rows. `hint` also reports a search that was not complete. */
function filtered<T, R>(
  listOf: (page: { limit: number }) => AsyncIterable<T>,
  flags: Paging,
  { noun, matchOf }: { noun: string; matchOf: (row: T) => Promise<R | undefined> | R | undefined },
): Rows<R> {
  let isCut = false
  async function* matches(): AsyncGenerator<R> {
    let count = 0
    for await (const row of listOf({ limit: 100 })) {
      isCut = count === scannedMax
      if (isCut) return
      count += 1
      const match = await matchOf(row)
      if (match !== undefined) yield match
    }
  }
  const rows = take(matches, flags)
  const notice = () => (isCut ? `Only the newest ${scannedMax} ${noun} were searched.` : undefined)
  return {
    [Symbol.asyncIterator]: rows[Symbol.asyncIterator],
    hint: () => rows.hint?.() ?? notice(),
  }
}

/** Lists active sessions that wait for an approval or for results of the client. */
export const waitingSessions = (
  { outlast, signal }: Calls,
  filters: Filters,
  flags: Paging,
): Rows<Session> =>
  filtered(
    (page) => outlast.sessions.list({ ...filters, status: 'active', ...page }, { signal }),
    flags,
    {
      noun: 'active sessions',
      matchOf: (session) => (session.waiting_for ? session : undefined),
    },
  )

/** Lists sessions whose last turn failed, the newest failure first. */
export function failedSessions(
  { outlast, signal }: Calls,
  filters: Filters,
  flags: Paging,
): Rows<Session> {
  const { agent_id } = filters
  const seen = new Set<string>()
  async function matchOf({ session_id, since }: Workflow): Promise<Session | undefined> {
    if (seen.has(session_id)) return undefined
    seen.add(session_id)
    const session = await found(outlast.sessions.get(session_id, { signal }))
    const isLast = session?.status === 'idle' && session.finished_at === since
    return session && isLast && isMatch(session, filters) ? session : undefined
  }
  return filtered(
    (page) =>
      outlast.workflows.list(
        { status: 'failed', ...(agent_id && { agent_id }), ...page },
        { signal },
      ),
    flags,
    { noun: 'failed turns', matchOf },
  )
}

/** The session, or undefined if it was deleted. */
const found = (session: Promise<Session>) =>
  session.catch((error) => {
    if (error instanceof OutlastError && error.status === 404) return undefined
    throw error
  })

function isMatch(session: Session, { tag, search, legal_hold, pinned }: Filters): boolean {
  const text = `${session.title ?? ''}\n${session.preview ?? ''}`.toLowerCase()
  return (
    (tag === undefined || session.tags.includes(tag)) &&
    (search === undefined || text.includes(search.toLowerCase())) &&
    (!legal_hold || session.legal_hold) &&
    (!pinned || session.is_pinned === true)
  )
}
