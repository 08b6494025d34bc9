import type { Invitation, Role } from '@outlast/contract'
import { sql } from 'kysely'
import { ApiError } from '../../errors.ts'
import { newId } from '../../ids.ts'
import { countRows, type RowRange } from '../batches.ts'
import type { Db } from '../database.ts'
import { normalEmail } from './users.ts'

const columns = ['id', 'email', 'role', 'invited_by', 'expires_at', 'created_at'] as const

export type NewInvitationRow = {
  email: string
  role: Role
  tokenHash: string
  invitedBy: string
  days: number
}

/** Invites a person. Replaces an earlier invitation of the same address. */
export async function createInvitation({ kysely }: Db, orgId: string, row: NewInvitationRow) {
  const values = {
    email: normalEmail(row.email),
    role: row.role,
    token_hash: row.tokenHash,
    invited_by: row.invitedBy,
    expires_at: sql<string>`now() + ${row.days} * interval '1 day'`,
  }
  const fresh = { ...values, id: newId('invitation'), created_at: sql<string>`now()` }
  return (await kysely
    .insertInto('invitations')
    .values({ org_id: orgId, ...fresh })
    .onConflict((conflict) => conflict.columns(['org_id', 'email']).doUpdateSet(fresh))
    .returning(columns)
    .executeTakeFirstOrThrow()) satisfies Invitation
}

const open = ({ kysely }: Db, orgId: string) =>
  kysely
    .selectFrom('invitations')
    .where('org_id', '=', orgId)
    .where('expires_at', '>', sql<string>`now()`)

/** Deletes invitations that expired more than 30 days ago. */
export async function sweepInvitations({ kysely }: Db): Promise<void> {
  await kysely
    .deleteFrom('invitations')
    .where('expires_at', '<', sql<string>`now() - interval '30 days'`)
    .execute()
}

/** Lists open invitations, newest first. */
export async function listInvitations(db: Db, orgId: string, { offset, limit }: RowRange) {
  return (await open(db, orgId)
    .select(columns)
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .offset(offset)
    .limit(limit)
    .execute()) satisfies Invitation[]
}

export function countInvitations(db: Db, orgId: string): Promise<number> {
  return countRows(open(db, orgId))
}

/** Deletes an invitation. Contract: throws 404. */
export async function deleteInvitation({ kysely }: Db, orgId: string, id: string): Promise<void> {
  const gone = await kysely
    .deleteFrom('invitations')
    .where('org_id', '=', orgId)
    .where('id', '=', id)
    .returning('id')
    .executeTakeFirst()
  if (!gone) throw new ApiError('not_found', 'Invitation')
}

/** Accepts all open invitations of a verified address. */
export async function takeInvitationsOf({ kysely }: Db, email: string) {
  return kysely
    .deleteFrom('invitations')
    .where('email', '=', normalEmail(email))
    .where('expires_at', '>', sql<string>`now()`)
    .returning(['org_id', 'role'])
    .execute()
}

/** Accepts an invitation once, for its invitee. Contract: throws 404 in all other cases. */
export async function takeInvitation({ kysely }: Db, tokenHash: string, email: string) {
  const taken = await kysely
    .deleteFrom('invitations')
    .where('token_hash', '=', tokenHash)
    .where('email', '=', normalEmail(email))
    .where('expires_at', '>', sql<string>`now()`)
    .returning(['org_id', 'role'])
    .executeTakeFirst()
  if (!taken) throw new ApiError('not_found', 'Invitation')
  return taken
}
