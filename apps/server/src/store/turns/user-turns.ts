import type { SessionScope } from '../scope.ts'

/** The limit of the turns of one end user. Absent: none. */
export type UserTurns = { user: SessionScope; max: number | null } | undefined

/** SQL: counts at most as many turns of the organization as its quota allows. */
export const runningTurns =
  'select count(*) from (select from turns where org_id = :orgId limit :turnsMax) running'

/**
 * SQL: counts the turns of one end user among those of the organization, whose number its quota
 * limits. A subquery for each turn, since the estimated cost of a join depends on the user: for
 * users with few sessions, PostgreSQL would plan the statement again for each message.
 */
export const userTurns = `(select count(*) from (
    select from turns r where r.org_id = :orgId and (
      select o.user_id = :user
        and o.channel_id is not distinct from :channelId::text
        and o.channel_key_id is not distinct from :channelKeyId::text
      from sessions o where o.org_id = r.org_id and o.id = r.session_id
    ) limit :userTurnsMax) own)`

/** The parameters of `userTurns`, without `orgId`. */
export function userTurnsValues(limited: UserTurns) {
  const { user = null, channelId = null, channelKeyId = null } = limited?.user ?? {}
  return { user, channelId, channelKeyId, userTurnsMax: limited?.max ?? null }
}
