import type { AgentKey, AgentKeyPermission } from '@outlast/contract'
import { ApiError } from '../../errors.ts'
import { newId } from '../../ids.ts'
import type { Db, Statement } from '../database.ts'
import { recordChange, subjectOf } from './access-changes.ts'
import { type OpenChannel, openColumns, openTables, toOpenChannel } from './agent-channels.ts'
import type { KeyUse } from './api-keys.ts'

const columns = `id, channel_id, name, key_prefix as prefix, permissions, expires_at,
  previous_valid_until, last_used_at, revoked_at, created_at`

/** Selects the keys of a channel. */
export type KeysOf = { orgId: string; channelId: string }

export type KeySecret = { prefix: string; hash: string }

const insert: Statement = {
  name: 'create-agent-key',
  text: `
insert into agent_keys (org_id, id, channel_id, name, key_prefix, hash, permissions, expires_at)
select c.org_id, $3, c.id, $4, $5, $6, $7, $8 from agent_channels c
where c.org_id = $1 and c.id = $2 for key share returning ${columns}`,
}

export type NewKeyOfChannel = KeySecret & {
  name: string
  permissions: AgentKeyPermission[]
  expiresAt: string | null
}

/** Creates a key of a channel. Contract: throws 404 without the channel. */
export async function createAgentKey(
  db: Db,
  { orgId, channelId }: KeysOf,
  { name, prefix, hash, permissions, expiresAt }: NewKeyOfChannel,
): Promise<AgentKey> {
  const id = newId('agent_key')
  const values = [orgId, channelId, id, name, prefix, hash, permissions, expiresAt]
  const [row] = await db.run<AgentKey>(insert, values)
  if (!row) throw new ApiError('not_found', 'Agent channel')
  return row
}

/** Revoked keys stay for the record; a list has at most this many. */
const listedMax = 1_000

const ofChannel: Statement = {
  name: 'agent-keys-of-channel',
  text: `
select ${columns} from agent_keys where org_id = $1 and channel_id = $2
order by created_at desc, id desc limit ${listedMax}`,
}

/** Lists the keys of a channel, newest first, revoked ones included. */
export const listAgentKeys = (db: Db, { orgId, channelId }: KeysOf) =>
  db.run<AgentKey>(ofChannel, [orgId, channelId])

const counted: Statement = {
  name: 'count-agent-keys',
  text: `
select count(*)::int as total from agent_keys
where org_id = $1 and channel_id = $2 and revoked_at is null
  and (expires_at is null or expires_at > now())`,
}

/** Counts the keys of a channel that are neither revoked nor expired. */
export async function countAgentKeys(db: Db, { orgId, channelId }: KeysOf): Promise<number> {
  const [row] = await db.run<{ total: number }>(counted, [orgId, channelId])
  return row!.total
}

const forUsers: Statement = {
  name: 'agent-keys-for-users',
  text: `
select 1 from agent_keys where org_id = $1 and channel_id = $2 and revoked_at is null
  and (expires_at is null or expires_at > now()) and 'end_user' = any(permissions) limit 1`,
}

/** True if a valid key of a channel may act for users. */
export async function hasKeyForUsers(db: Db, { orgId, channelId }: KeysOf): Promise<boolean> {
  return (await db.run(forUsers, [orgId, channelId])).length > 0
}

/** The secret before the previous one ends at once: at most two are accepted. */
const rotate: Statement = {
  name: 'rotate-agent-key',
  text: `
update agent_keys set
  previous_hash = hash,
  previous_valid_until = now() + $6 * interval '1 hour',
  hash = $4,
  key_prefix = $5
where org_id = $1 and channel_id = $2 and id = $3 and revoked_at is null
returning ${columns}`,
}

/**
 * Replaces the secret of a key. The previous one is accepted for `hours` more.
 * Contract: `db` is a transaction; throws 404 for an unknown and a revoked key.
 */
export async function rotateAgentKey(
  db: Db,
  { orgId, channelId, id }: KeysOf & { id: string },
  { prefix, hash, hours }: KeySecret & { hours: number },
): Promise<AgentKey> {
  const [row] = await db.run<AgentKey>(rotate, [orgId, channelId, id, hash, prefix, hours])
  return recordKeyChange(db, row)
}

const revoke: Statement = {
  name: 'revoke-agent-key',
  text: `
update agent_keys set revoked_at = coalesce(revoked_at, now()), previous_valid_until = null
where org_id = $1 and channel_id = $2 and id = $3 returning ${columns}`,
}

/** Revokes both secrets of a key on all nodes. Contract: `db` is a transaction; throws 404. */
export async function revokeAgentKey(db: Db, { orgId, channelId, id }: KeysOf & { id: string }) {
  const [row] = await db.run<AgentKey>(revoke, [orgId, channelId, id])
  return recordKeyChange(db, row)
}

async function recordKeyChange(db: Db, row: AgentKey | undefined): Promise<AgentKey> {
  if (!row) throw new ApiError('not_found', 'Agent key')
  await recordChange(db, subjectOf.key(row.id))
  return row
}

type KeyRow = Parameters<typeof toOpenChannel>[0] & {
  key_id: string
  name: string
  permissions: AgentKeyPermission[]
  until: string | null
  last_used_at: string | null
}

const living = (name: string, until: string, condition: string): Statement => ({
  name,
  text: `
select ${openColumns}, k.id as key_id, k.name, k.permissions, ${until} as until, k.last_used_at
from ${openTables} join agent_keys k on k.org_id = c.org_id and k.channel_id = c.id
where ${condition} and k.revoked_at is null and (k.expires_at is null or k.expires_at > now())`,
})

const byHash = living(
  'agent-key-by-hash',
  'case when k.hash = $1 then k.expires_at else least(k.expires_at, k.previous_valid_until) end',
  '(k.hash = $1 or (k.previous_hash = $1 and k.previous_valid_until > now()))',
)
const byId = living('agent-key-by-id', 'k.expires_at', 'k.org_id = $1 and k.id = $2')

/** A key that is accepted, and its channel. */
export type LivingAgentKey = {
  id: string
  name: string
  channel: OpenChannel
  permissions: AgentKeyPermission[]
  /** When the secret expires; null: never. */
  until: string | null
  lastUsedAt: string | null
}

const keyFromRow = (row: KeyRow): LivingAgentKey => ({
  id: row.key_id,
  name: row.name,
  channel: toOpenChannel(row),
  permissions: row.permissions,
  until: row.until,
  lastUsedAt: row.last_used_at,
})

/**
 * Finds an accepted key by the hash of a secret.
 * Contract: undefined for an unknown, expired or revoked one; throws 403 `channel_closed`.
 */
export async function findAgentKeyByHash(db: Db, hash: string) {
  const [row] = await db.run<KeyRow>(byHash, [hash])
  return row && keyFromRow(row)
}

/** Finds an accepted key by its id. Contract: as `findAgentKeyByHash`. */
export async function findAgentKey(db: Db, { orgId, id }: { orgId: string; id: string }) {
  const [row] = await db.run<KeyRow>(byId, [orgId, id])
  return row && keyFromRow(row)
}

const touch: Statement = {
  name: 'touch-agent-keys',
  text: `
update agent_keys k set last_used_at = greatest(k.last_used_at, n.at)
from unnest($1::text[], $2::text[], $3::timestamptz[]) as n(org_id, id, at)
where k.org_id = n.org_id and k.id = n.id`,
}

/** Stores when keys were last used. */
export async function touchAgentKeys(db: Db, uses: KeyUse[]): Promise<void> {
  await db.run(touch, [
    uses.map(({ orgId }) => orgId),
    uses.map(({ id }) => id),
    uses.map(({ at }) => at),
  ])
}
