import { type RawBuilder, type SqlBool, sql } from 'kysely'
import type { Db, Statement } from './database.ts'

/** The sessions that belong to one end user of the product. */
export type SessionScope = {
  /** The product's own id of the user, compared byte by byte. */
  user: string
  /** The agents that the caller may use. Undefined: all agents. */
  agentIds?: readonly string[] | undefined
  /** The channel that created the sessions. Undefined: sessions outside of channels. */
  channelId?: string | undefined
  /** The key of the channel whose user this is: users of two keys are different people. */
  channelKeyId?: string | undefined
}

type ScopeParts = { user: string; agentIds: string; channelId: string }

/**
 * SQL: true for a session `s` in a scope whose parts are these parameters, and for every session if
 * the user is null.
 */
const isInScope = ({ user, agentIds, channelId }: ScopeParts) => `(${user}::text is null or (
  s.user_id = ${user} and s.channel_id is not distinct from ${channelId}::text
  and (${agentIds}::text[] is null or s.agent_id = any(${agentIds}))))`

/** The parameters of `isInScope`, in the order user, agents, channel. */
const scopeValues = (scope: SessionScope | undefined) =>
  [scope?.user ?? null, scope?.agentIds ?? null, scope?.channelId ?? null] as const

/** `isInScope` for a query of sessions that is built in steps. */
export function inScope({ user, agentIds, channelId }: SessionScope): RawBuilder<SqlBool> {
  const ofAgents = agentIds ? sql`agent_id = any(${agentIds}::text[])` : sql`true`
  return sql<SqlBool>`(user_id = ${user}
    and channel_id is not distinct from ${channelId ?? null}::text and ${ofAgents})`
}

const reached: Statement = {
  name: 'session-in-scope',
  text: `select 1 from sessions s where s.org_id = $1 and s.id = $2
  and ${isInScope({ user: '$3', agentIds: '$4', channelId: '$5' })}`,
}

export type ScopedSession = { orgId: string; sessionId: string; scope: SessionScope }

/** True if the session exists in the scope. Its user, agent and channel never change. */
export async function isReached(
  db: Db,
  { orgId, sessionId, scope }: ScopedSession,
): Promise<boolean> {
  const rows = await db.run(reached, [orgId, sessionId, ...scopeValues(scope)])
  return rows.length > 0
}
