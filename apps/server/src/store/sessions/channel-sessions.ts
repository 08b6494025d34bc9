import type { LastTurn, SessionStatus, WaitingFor } from '@outlast/contract'
import { ApiError } from '../../errors.ts'
import type { Db } from '../database.ts'
import type { EventRow } from '../log/events.ts'
import { statement, valuesOf } from '../statements.ts'

/** The caller of a channel: a key, or one of the users of its holder. */
export type ChannelOwner = { orgId: string; channelId: string; keyId: string; user: string | null }

/**
 * SQL: the sessions of a caller. Every statement that finds sessions for a caller has this
 * condition; its values never change. The empty text is no user.
 */
const isOwned = `org_id = :orgId and channel_id = :channelId and channel_key_id = :keyId
  and coalesce(user_id, '') = :owner`

const ownerValues = ({ user, ...owner }: ChannelOwner) => ({ ...owner, owner: user ?? '' })

const columns =
  'id, title, status, last_turn, waiting_for, created_at, updated_at, sequence, turn_from'

export type OwnedSession = {
  id: string
  title: string | null
  status: SessionStatus
  last_turn: LastTurn | null
  waiting_for: WaitingFor | null
  created_at: string
  updated_at: string
  /** The sequence of its last event. */
  sequence: number
  /** The sequence of the first event of the running turn. */
  turn_from: number | null
}

const byId = statement(
  'session-of-channel',
  `select ${columns} from sessions where id = :id and ${isOwned}`,
)

/** Returns a session of a caller. Contract: throws 404 for any other, as for an unknown one. */
export async function getOwnedSession(db: Db, owner: ChannelOwner, id: string) {
  const [row] = await db.run<OwnedSession>(byId, valuesOf(byId, { ...ownerValues(owner), id }))
  if (!row) throw new ApiError('not_found', 'Session')
  return row
}

/** Place of a session in the list of a caller. */
export type ListPlace = { updated_at: string; id: string }

const list = statement(
  'sessions-of-channel',
  `
select ${columns} from sessions
where ${isOwned} and (:at::timestamptz is null or (updated_at, id) < (:at, :after))
order by updated_at desc, id desc limit :limit`,
)

/** Lists the sessions of a caller after a place, latest activity first. */
export function listOwnedSessions(
  db: Db,
  owner: ChannelOwner,
  { place, limit }: { place: ListPlace | undefined; limit: number },
): Promise<OwnedSession[]> {
  const about = { at: place?.updated_at ?? null, after: place?.id ?? null, limit }
  return db.run<OwnedSession>(list, valuesOf(list, { ...ownerValues(owner), ...about }))
}

const requested = statement(
  'requests-of-turn',
  `
select sequence, type, ts, context::text as context, data::text as data, tags from events
where session_id = :id and sequence >= :from and type in ('tool.approval_requested', 'tool.call_requested') order by sequence`,
)

/** Reads what the running turn of a session asks of people and clients. */
export const readRequests = (db: Db, { id, turn_from }: OwnedSession) =>
  db.run<EventRow>(requested, valuesOf(requested, { id, from: turn_from ?? 0 }))
