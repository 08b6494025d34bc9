import type { AgentChannel, AgentChannelChange, ChannelConfig } from '@outlast/contract'
import { ApiError } from '../../errors.ts'
import { newId } from '../../ids.ts'
import type { Db, Statement } from '../database.ts'
import { isMissingReference } from '../database-errors.ts'
import { recordChange, subjectOf } from './access-changes.ts'

/** The settings of a channel with defaults for absent ones. */
export type ChannelSettings = Required<ChannelConfig>

const defaults: ChannelSettings = {
  session_binding: 'per_user',
  visibility: 'activity',
  tool_activity_text: 'Working...',
  errors: 'public',
  tool_approvals: 'operator',
  rate_limit_per_minute: 0,
  auth_methods: [],
}

const columns = 'id, channel_type, config, enabled, status, created_at, updated_at'

type ChannelRow = Omit<AgentChannel, 'channel_config'> & { config: ChannelConfig }

const present = ({ id, channel_type, config, ...row }: ChannelRow): AgentChannel => ({
  id,
  channel_type,
  channel_config: { ...defaults, ...config },
  enabled: row.enabled,
  status: row.status,
  created_at: row.created_at,
  updated_at: row.updated_at,
})

/** Selects a channel as a part of its agent. */
export type ChannelRef = { orgId: string; agentId: string; id: string }

const insert: Statement = {
  name: 'create-agent-channel',
  text: `
insert into agent_channels (org_id, id, agent_id, channel_type, config, enabled)
values ($1, $2, $3, $4, $5, $6) returning ${columns}`,
}

export type NewChannel = Pick<AgentChannel, 'channel_type' | 'enabled'> & { config: ChannelConfig }

/** Creates a channel, which is a draft. Contract: throws 404 without the agent. */
export async function createChannel(
  db: Db,
  { orgId, agentId }: Omit<ChannelRef, 'id'>,
  { channel_type, config, enabled }: NewChannel,
): Promise<AgentChannel> {
  const id = newId('agent_channel')
  const values = [orgId, id, agentId, channel_type, JSON.stringify(config), enabled]
  const [row] = await db.run<ChannelRow>(insert, values).catch((error) => {
    throw isMissingReference(error) ? new ApiError('not_found', 'Agent') : error
  })
  return present(row!)
}

const ofAgent: Statement = {
  name: 'channels-of-agent',
  text: `
select ${columns} from agent_channels where org_id = $1 and agent_id = $2
order by created_at desc, id desc`,
}

/** Lists the channels of an agent, newest first. Their number is limited. */
export async function listChannels(db: Db, orgId: string, agentId: string) {
  return (await db.run<ChannelRow>(ofAgent, [orgId, agentId])).map(present)
}

const byId: Statement = {
  name: 'agent-channel-by-id',
  text: `select ${columns} from agent_channels where org_id = $1 and agent_id = $2 and id = $3`,
}

const refOf = ({ orgId, agentId, id }: ChannelRef) => [orgId, agentId, id]

/** Returns a channel. Contract: throws 404, also for a channel of another agent. */
export async function getChannel(db: Db, ref: ChannelRef): Promise<AgentChannel> {
  const [row] = await db.run<ChannelRow>(byId, refOf(ref))
  if (!row) throw new ApiError('not_found', 'Agent channel')
  return present(row)
}

/** A channel that is closed and enabled again is a draft. */
const update: Statement = {
  name: 'update-agent-channel',
  text: `
update agent_channels set
  config = coalesce($4, config),
  enabled = coalesce($5, enabled),
  status = case when not $5::boolean then 'disabled' when $5 and status = 'disabled' then 'draft' else status end,
  updated_at = greatest(clock_timestamp(), updated_at + interval '1 ms')
where org_id = $1 and agent_id = $2 and id = $3 returning ${columns}`,
}

/**
 * Changes a channel, on all nodes.
 * Contract: `db` is a transaction; absent fields stay; throws 404.
 */
export async function updateChannel(
  db: Db,
  ref: ChannelRef,
  { channel_config: config, enabled }: AgentChannelChange,
): Promise<AgentChannel> {
  const values = [...refOf(ref), config ? JSON.stringify(config) : null, enabled ?? null]
  return changed(db, ref, await db.run<ChannelRow>(update, values))
}

async function changed(db: Db, { id }: ChannelRef, rows: ChannelRow[]): Promise<AgentChannel> {
  if (!rows[0]) throw new ApiError('not_found', 'Agent channel')
  await recordChange(db, subjectOf.channel(id))
  return present(rows[0])
}

const publish: Statement = {
  name: 'publish-agent-channel',
  text: `
update agent_channels set status = $4, updated_at = greatest(clock_timestamp(), updated_at + interval '1 ms')
where org_id = $1 and agent_id = $2 and id = $3 and enabled and status in ('draft', 'live')
returning ${columns}`,
}

/**
 * Publishes a channel, or makes it a draft again, on all nodes.
 * Contract: `db` is a transaction; throws 404, and 409 `channel_disabled`.
 */
export async function setChannelStatus(db: Db, ref: ChannelRef, status: 'live' | 'draft') {
  const rows = await db.run<ChannelRow>(publish, [...refOf(ref), status])
  if (!rows[0]) {
    await getChannel(db, ref)
    throw new ApiError('channel_disabled')
  }
  return changed(db, ref, rows)
}

const remove: Statement = {
  name: 'delete-agent-channel',
  text: `delete from agent_channels where org_id = $1 and agent_id = $2 and id = $3 returning ${columns}`,
}

/**
 * Deletes a channel and its keys, on all nodes. Its sessions stay.
 * Contract: `db` is a transaction; throws 404.
 */
export async function deleteChannel(db: Db, ref: ChannelRef): Promise<void> {
  await changed(db, ref, await db.run<ChannelRow>(remove, refOf(ref)))
}

/** A channel as its callers use it. */
export type OpenChannel = {
  id: string
  orgId: string
  agentId: string
  settings: ChannelSettings
  updatedAt: string
}

type OpenRow = {
  id: string
  org_id: string
  agent_id: string
  config: ChannelConfig
  updated_at: string
  serves: boolean
}

export const openColumns = `c.id, c.org_id, c.agent_id, c.config, c.updated_at,
  c.enabled and c.status = 'live' and a.status = 'active' as serves`
export const openTables = `agent_channels c
  join agents a on a.org_id = c.org_id and a.id = c.agent_id
  join organizations o on o.id = c.org_id and o.deleted_at is null`

const opened: Statement = {
  name: 'open-channel',
  text: `select ${openColumns} from ${openTables} where c.id = $1`,
}

/**
 * Finds a channel for a caller. The only lookup without an organization: the channel determines it.
 * Contract: undefined for an unknown channel; throws 403 `channel_closed` for one that is not
 * served.
 */
export async function findOpenChannel(db: Db, id: string): Promise<OpenChannel | undefined> {
  const [row] = await db.run<OpenRow>(opened, [id])
  return row && toOpenChannel(row)
}

/** Contract: throws 403 `channel_closed`. */
export function toOpenChannel({ id, org_id, agent_id, config, updated_at, serves }: OpenRow) {
  if (!serves) throw new ApiError('channel_closed')
  const settings = { ...defaults, ...config }
  return { id, orgId: org_id, agentId: agent_id, settings, updatedAt: updated_at }
}
