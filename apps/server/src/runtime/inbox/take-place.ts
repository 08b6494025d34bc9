import type { Db } from '../../store/database.ts'
import { holdSchedulesTo, updateSchedule } from '../../store/schedules/schedules.ts'
import { type Superseding, type Supersession, supersede } from '../../store/turns/supersessions.ts'

/**
 * Supersedes a session, whose schedules then send to the session that takes its place.
 * Contract: as `supersede`.
 */
export async function takePlace(db: Db, asked: Superseding): Promise<Supersession> {
  const { orgId, sessionId, by } = asked
  // Locked before the session, as by a node that runs them.
  const schedules = await holdSchedulesTo(db, orgId, sessionId)
  const superseded = await supersede(db, asked)
  if (!superseded.isDone) return superseded
  for (const { id, target } of schedules) {
    const input = { ...(target.input as object), session_id: by }
    await updateSchedule(db, { orgId, id }, { target: JSON.stringify({ ...target, input }) })
  }
  return superseded
}
