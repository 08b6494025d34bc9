import { sql } from 'kysely'
import { ApiError } from '../../errors.ts'
import type { Db, Statement } from '../database.ts'

/** SQL: true if a user has pinned the session of the row. */
export const isPinnedBy = (userId: string) =>
  `exists (select from session_pins p where p.org_id = sessions.org_id and p.session_id = sessions.id and p.user_id = ${userId})`

export const isPinned = (userId: string) => {
  const [before, after] = isPinnedBy(' ? ').split(' ? ')
  return sql<boolean>`${sql.raw(before!)}${userId}${sql.raw(after!)}`
}

/** A session as one of its users sees it. */
export type PinOf = { orgId: string; sessionId: string; userId: string }

const found = 'select org_id, id from sessions where org_id = $1 and id = $2'

const pin: Statement = {
  name: 'pin-session',
  text: `
with s as (${found} for key share), p as (
  insert into session_pins (org_id, session_id, user_id) select org_id, id, $3 from s
  on conflict do nothing
)
select id from s`,
}

const unpin: Statement = {
  name: 'unpin-session',
  text: `
with s as (${found}), p as (
  delete from session_pins p using s where p.org_id = s.org_id and p.session_id = s.id and p.user_id = $3
)
select id from s`,
}

/** Pins a session for a user, or ends that. Contract: a repeat has no effect; throws 404. */
export async function setPin(db: Db, { orgId, sessionId, userId }: PinOf, wanted: boolean) {
  const [row] = await db.run<{ id: string }>(wanted ? pin : unpin, [orgId, sessionId, userId])
  if (!row) throw new ApiError('not_found', 'Session')
}
