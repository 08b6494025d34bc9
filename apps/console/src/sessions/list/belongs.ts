import type { Page, Session } from '@outlast/sdk'
import type { SessionFilter } from '../../queries/sessions.ts'

/** True if a session has the state that a filter selects. */
export const hasState = (
  { status, waiting_for, last_turn }: Session,
  filter: Pick<SessionFilter, 'status' | 'outcome' | 'waiting'>,
) =>
  (!filter.status || filter.status === status) &&
  (!filter.outcome || filter.outcome === last_turn?.status) &&
  (filter.waiting === undefined || filter.waiting === (waiting_for !== null))

/** Returns whether a session may be missing from a list. The first page has the newest sessions. */
export function mayBelong(
  session: Session,
  filter: SessionFilter,
  first: Page<Session> | undefined,
) {
  if (filter.agent_id && filter.agent_id !== session.agent_id) return false
  if (!hasState(session, filter)) return false
  if (filter.tag && !session.tags.includes(filter.tag)) return false
  if (filter.user && filter.user !== session.user) return false
  if (filter.model_id && filter.model_id !== session.model_id) return false
  if (!first) return false
  const newest = first.data[0]
  const isNew = !newest || session.created_at >= newest.created_at
  const others = { ...filter, agent_id: undefined, order: undefined }
  return isNew || Object.values(others).some((value) => value !== undefined)
}
