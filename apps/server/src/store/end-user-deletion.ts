import { ApiError } from '../errors.ts'
import { atomically, type Db, type Statement } from './database.ts'
import { deleteImagesOfSessions } from './files/images.ts'
import { deleteSessionUnlessHeld } from './session-deletion.ts'

const sessionsAtOnce = 100

export type EndUser = { orgId: string; user: string }

const held: Statement = {
  name: 'held-session-of-end-user',
  text: 'select id from sessions where org_id = $1 and user_id = $2 and legal_hold limit 1',
}

/** Contract: throws 409 `legal_hold` while a session of the user is under a legal hold. */
export async function checkHolds(db: Db, { orgId, user }: EndUser): Promise<void> {
  const [session] = await db.run<{ id: string }>(held, [orgId, user])
  if (session) throw new ApiError('legal_hold', session.id)
}

const sessions: Statement = {
  name: 'sessions-to-delete-of-end-user',
  text: `
select id from sessions where org_id = $1 and user_id = $2 and not legal_hold limit ${sessionsAtOnce}`,
}

/**
 * Deletes the sessions of an end user with the images that were uploaded for them, each in a
 * transaction of its own, until none is left.
 * Contract: after an error the rest is left for a repetition. A session that came under a legal
 * hold meanwhile is kept.
 */
export async function deleteSessionsOfEndUser(
  db: Db,
  { orgId, user }: EndUser,
  onDeleted: (session: { orgId: string; sessionId: string }) => void,
): Promise<number> {
  let deleted = 0
  for (;;) {
    const found = await db.run<{ id: string }>(sessions, [orgId, user])
    if (found.length === 0) return deleted
    for (const { id: sessionId } of found) {
      if (!(await deleteWithImages(db, { orgId, sessionId }))) continue
      deleted += 1
      onDeleted({ orgId, sessionId })
    }
  }
}

const deleteWithImages = (db: Db, { orgId, sessionId }: { orgId: string; sessionId: string }) =>
  atomically(db, async (db) => {
    if (!(await deleteSessionUnlessHeld(db, { orgId, sessionId }))) return false
    await deleteImagesOfSessions(db, orgId, [sessionId])
    return true
  })
