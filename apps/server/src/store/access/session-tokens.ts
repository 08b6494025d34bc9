import type { Role, Scope, SessionToken } from '@outlast/contract'
import { sql } from 'kysely'
import { ApiError } from '../../errors.ts'
import { countRows, type RowRange } from '../batches.ts'
import type { Db, Statement } from '../database.ts'
import { isMissingReference } from '../database-errors.ts'
import { statement, valuesOf } from '../statements.ts'
import { recordChange, subjectOf } from './access-changes.ts'

/** The permissions of a token. */
export type Grants = Pick<
  SessionToken,
  'access' | 'models' | 'tool_results' | 'view' | 'files' | 'operations'
>

/**
 * The credential that created a token: a member's key or a sign-in. Null for both without
 * authentication.
 */
export type TokenMaker = { userId: string | null; keyId: string | null; loginId: string | null }

export type NewToken = Grants &
  TokenMaker & {
    id: string
    orgId: string
    sessionId: string
    seconds: number
    /** For the token of a link: its name. */
    shareName?: string
  }

/** SQL: the columns of a token's maker and grants, and the parameters with their values. */
export const grantColumns =
  'user_id, key_id, login_id, access, models, tool_results, view, files, operations, expires_at'
export const grantParameters = `:userId, :keyId, :loginId, :access, :models::text[], :tool_results::text[], :view, :files,
  :operations::text[], now() + :seconds * interval '1 second'`

const insert = statement(
  'create-session-token',
  `
insert into session_tokens (org_id, id, session_id, share_name, ${grantColumns})
select s.org_id, :id, s.id, :shareName, ${grantParameters}
from sessions s where s.org_id = :orgId and s.id = :sessionId
for key share
returning created_at, expires_at`,
)

type Times = { created_at: string; expires_at: string }

/**
 * Stores a token's grants.
 * Contract: throws 404 without the session, 401 if its creator has ended.
 */
export async function createSessionToken(db: Db, token: NewToken) {
  const values = valuesOf(insert, { shareName: null, ...token })
  const [row] = await db.run<Times>(insert, values).catch((error) => {
    throw isMissingReference(error) ? new ApiError('unauthenticated') : error
  })
  if (!row) throw new ApiError('not_found', 'Session')
  return row
}

const alive: Statement = {
  name: 'session-token-is-alive',
  text: `
select t.session_id, t.end_user, t.agent_ids, t.user_id, t.key_id, t.login_id,
  t.access, t.models, t.tool_results, t.view, t.files, t.operations, t.share_name is not null as is_share,
  m.role, k.scopes, k.ancestors, least(t.expires_at, k.expires_at, l.expires_at) as expires_at
from session_tokens t
  join organizations o on o.id = t.org_id and o.deleted_at is null
  join members m on m.org_id = t.org_id and m.user_id = t.user_id
  join users u on u.id = t.user_id and u.disabled_at is null
  left join api_keys k on k.org_id = t.org_id and k.id = t.key_id
  left join logins l on l.id = t.login_id
where t.org_id = $1 and t.id = $2 and (k.id is not null or l.id is not null or t.share_name is not null and t.key_id is null)
  and least(t.expires_at, k.expires_at, l.expires_at) > now()`,
}

/** What a token opens: one session, or the sessions of an end user. */
export type TokenTarget =
  | { session_id: string; end_user: null; agent_ids: null }
  | { session_id: null; end_user: string; agent_ids: string[] | null }

export type LivingToken = Grants &
  TokenTarget & {
    /** True for the token of a link. */
    is_share: boolean
    user_id: string
    key_id: string | null
    login_id: string | null
    /** The current role of the member that created the token, or the creating key. */
    role: Role
    /** The scopes of the key that created it. */
    scopes: Scope[] | null
    /** The chain of keys that created that key. */
    ancestors: string[] | null
    /** The earlier of its own expiry and that of its creator. */
    expires_at: string
  }

/**
 * Returns the current permissions of a token; undefined once the token or its creator has ended.
 */
export async function findLivingToken(db: Db, orgId: string, id: string) {
  const [row] = await db.run<LivingToken>(alive, [orgId, id])
  return row
}

const aliveOfProcess: Statement = {
  name: 'process-token-is-alive',
  text: `
select t.session_id, t.end_user, t.agent_ids, t.access, t.models, t.tool_results, t.view, t.files, t.operations, t.share_name is not null as is_share, t.expires_at
from session_tokens t join organizations o on o.id = t.org_id and o.deleted_at is null
where t.org_id = $1 and t.id = $2 and t.user_id is null and t.expires_at > now()`,
}

type ProcessToken = Grants & TokenTarget & { is_share: boolean; expires_at: string }

/** Returns the permissions of a token without a user; undefined once it has ended. */
export async function findProcessToken(db: Db, orgId: string, id: string) {
  const [row] = await db.run<ProcessToken>(aliveOfProcess, [orgId, id])
  return row
}

/** Selects the tokens of a session: those of one user, or of all when `userId` is undefined. */
export type TokensOf = { orgId: string; sessionId: string; userId: string | undefined }

const living = ({ kysely }: Db, { orgId, sessionId, userId }: TokensOf) =>
  kysely
    .selectFrom('session_tokens')
    .where('org_id', '=', orgId)
    .where('session_id', '=', sessionId)
    .where('share_name', 'is', null)
    .where('expires_at', '>', sql<string>`now()`)
    .$if(userId !== undefined, (query) => query.where('user_id', '=', userId!))

/** Lists tokens that have not expired, newest first. */
export async function listSessionTokens(db: Db, of: TokensOf, { offset, limit }: RowRange) {
  const rows = await living(db, of)
    .select(['id', 'session_id', 'org_id as organization_id', 'access', 'models', 'tool_results'])
    .select(['view', 'files', 'operations', 'expires_at', 'created_at', 'user_id', 'key_id'])
    .$narrowType<{ session_id: string }>()
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .offset(offset)
    .limit(limit)
    .execute()
  return rows
}

export function countSessionTokens(db: Db, of: TokensOf): Promise<number> {
  return countRows(living(db, of))
}

/** Revokes a token on all nodes. Contract: `db` is a transaction; throws 404. */
export async function deleteSessionToken(db: Db, of: TokensOf, id: string): Promise<void> {
  const gone = await db.kysely
    .deleteFrom('session_tokens')
    .where('org_id', '=', of.orgId)
    .where('session_id', '=', of.sessionId)
    .where('id', '=', id)
    .$if(of.userId !== undefined, (query) => query.where('user_id', '=', of.userId!))
    .returning('id')
    .executeTakeFirst()
  if (!gone) throw new ApiError('not_found', 'Session token')
  await recordChange(db, subjectOf.token(id))
}

/**
 * Revokes the tokens and links that sign-ins of a user created, on all nodes. Contract: `db` is a
 * transaction.
 */
export async function endTokensOfSignIns(db: Db, userId: string): Promise<void> {
  const gone = await db.kysely
    .deleteFrom('session_tokens')
    .where('user_id', '=', userId)
    .where('key_id', 'is', null)
    .returning('id')
    .execute()
  if (gone.length > 0) await recordChange(db, ...gone.map(({ id }) => subjectOf.token(id)))
}

/** Deletes expired tokens. */
export async function sweepSessionTokens({ kysely }: Db): Promise<void> {
  await kysely.deleteFrom('session_tokens').where('expires_at', '<', sql<string>`now()`).execute()
}
