import type { Page, Session } from '@outlast/sdk'
import type { SessionFilter } from '../../queries/sessions.ts'

/** Returns whether a session may be missing from a list. The first page has the newest sessions. */
export function mayBelong(
  session: Session,
  filter: SessionFilter,
  first: Page<Session> | undefined,
) {
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
