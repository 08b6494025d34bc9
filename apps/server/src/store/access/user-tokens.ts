import { sql } from 'kysely'
import { ApiError } from '../../errors.ts'
import { countRows, type RowRange } from '../batches.ts'
import type { Db, Statement } from '../database.ts'
import { isMissingReference } from '../database-errors.ts'
import { statement, valuesOf } from '../statements.ts'
import { recordChange, subjectOf } from './access-changes.ts'
import { type Grants, grantColumns, grantParameters, type TokenMaker } from './session-tokens.ts'

export type NewEndUserToken = Grants &
  TokenMaker & {
    id: string
    orgId: string
    user: string
    agentIds: string[] | null
    seconds: number
  }

const insert = statement(
  'create-user-token',
  `
insert into session_tokens (org_id, id, end_user, agent_ids, ${grantColumns})
values (:orgId, :id, :user, :agentIds::text[], ${grantParameters})
returning created_at, expires_at`,
)

type Times = { created_at: string; expires_at: string }

/** Stores a token of an end user. Contract: throws 401 if its creator has ended. */
export async function createUserToken(db: Db, token: NewEndUserToken): Promise<Times> {
  const [row] = await db.run<Times>(insert, valuesOf(insert, token)).catch((error) => {
    throw isMissingReference(error) ? new ApiError('unauthenticated') : error
  })
  return row!
}

const unknownAgents: Statement = {
  name: 'unknown-agents',
  text: `
select n.id from unnest($2::text[]) n(id)
where (select true from agents a where a.org_id = $1 and a.id = n.id) is null limit 1`,
}

/** Contract: throws 404 when an agent is not of the organization. */
export async function checkAgents(db: Db, orgId: string, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return
  const unknown = await db.run(unknownAgents, [orgId, ids])
  if (unknown.length > 0) throw new ApiError('not_found', 'Agent')
}

/** Selects tokens: those of one end user and of one creator, or of all when these are undefined. */
export type UserTokensOf = { orgId: string; user?: string | undefined; madeBy?: string | undefined }

const living = ({ kysely }: Db, { orgId, user, madeBy }: UserTokensOf) =>
  kysely
    .selectFrom('session_tokens')
    .where('org_id', '=', orgId)
    .where('end_user', 'is not', null)
    .where('expires_at', '>', sql<string>`now()`)
    .$if(user !== undefined, (query) => query.where('end_user', '=', user!))
    .$if(madeBy !== undefined, (query) => query.where('user_id', '=', madeBy!))

/** Lists tokens of end users that have not expired, newest first. */
export const listUserTokens = (db: Db, of: UserTokensOf, { offset, limit }: RowRange) =>
  living(db, of)
    .select(['id', 'org_id as organization_id', 'end_user as user', 'agent_ids', 'access'])
    .select(['models', 'tool_results', 'view', 'files', 'operations'])
    .select(['expires_at', 'created_at', 'user_id', 'key_id'])
    .$narrowType<{ user: string }>()
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .offset(offset)
    .limit(limit)
    .execute()

export function countUserTokens(db: Db, of: UserTokensOf): Promise<number> {
  return countRows(living(db, of))
}

/** Revokes a token on all nodes. Contract: `db` is a transaction; throws 404. */
export async function deleteUserToken(db: Db, of: UserTokensOf, id: string): Promise<void> {
  const gone = await db.kysely
    .deleteFrom('session_tokens')
    .where('org_id', '=', of.orgId)
    .where('end_user', 'is not', null)
    .where('id', '=', id)
    .$if(of.madeBy !== undefined, (query) => query.where('user_id', '=', of.madeBy!))
    .returning('id')
    .executeTakeFirst()
  if (!gone) throw new ApiError('not_found', 'Token')
  await recordChange(db, subjectOf.token(id))
}

/** Revokes all tokens of an end user. Contract: `db` is a transaction. */
export async function endTokensOfEndUser(db: Db, orgId: string, user: string): Promise<number> {
  const gone = await db.kysely
    .deleteFrom('session_tokens')
    .where('org_id', '=', orgId)
    .where('end_user', '=', user)
    .returning('id')
    .execute()
  if (gone.length > 0) await recordChange(db, ...gone.map(({ id }) => subjectOf.token(id)))
  return gone.length
}
