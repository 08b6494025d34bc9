import type {
  AgentChannel,
  AgentChannelChange,
  ChannelAuthMethod,
  ChannelConfig,
} from '@outlast/contract'
import { ApiError } from '../../errors.ts'
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
  allowed_origins: [],
  spending_limit: null,
}

const columns = `id, channel_type, config, client_secret is not null as has_secret, enabled, status,
  created_at, updated_at`

type ChannelRow = Omit<AgentChannel, 'channel_config'> & {
  config: ChannelConfig
  has_secret: boolean
}

const channelFromRow = ({
  id,
  channel_type,
  config,
  has_secret,
  ...row
}: ChannelRow): AgentChannel => ({
  id,
  channel_type,
  channel_config: {
    ...defaults,
    ...config,
    auth_methods: (config.auth_methods ?? []).map((method) => withSecret(method, has_secret)),
  },
  enabled: row.enabled,
  status: row.status,
  created_at: row.created_at,
  updated_at: row.updated_at,
})

/** A channel has at most one method with a secret. */
const withSecret = (method: ChannelAuthMethod, isSet: boolean): ChannelAuthMethod =>
  method.mode === 'oauth2_introspection'
    ? { ...method, provider: { ...method.provider, client_secret_configured: isSet } }
    : method

/** Where the secret of the client of a channel is sealed, and for which endpoint and client. */
export const channelSecretPlace = (orgId: string, id: string) => `agent_channels ${orgId} ${id}`
type SecretUse = { introspection_url?: string; client_id?: string }
export const channelSecretDestination = ({ introspection_url, client_id }: SecretUse) =>
  JSON.stringify([introspection_url, client_id])

/** Selects a channel as a part of its agent. */
export type ChannelRef = { orgId: string; agentId: string; id: string }

const insert: Statement = {
  name: 'create-agent-channel',
  text: `
insert into agent_channels (org_id, id, agent_id, channel_type, config, enabled, client_secret)
values ($1, $2, $3, $4, $5, $6, $7) returning ${columns}`,
}

/** Settings as they are stored. `client_secret`: an envelope. */
export type StoredSettings = { config: ChannelConfig; client_secret: string | null }

export type NewChannel = Pick<AgentChannel, 'channel_type' | 'enabled'> & StoredSettings

/** Creates a channel, which is a draft. Contract: throws 404 without the agent. */
export async function createChannel(
  db: Db,
  { orgId, agentId, id }: ChannelRef,
  { channel_type, config, enabled, client_secret }: NewChannel,
): Promise<AgentChannel> {
  const values = [
    ...[orgId, id, agentId, channel_type],
    ...[JSON.stringify(config), enabled, client_secret],
  ]
  const [row] = await db.run<ChannelRow>(insert, values).catch((error) => {
    throw isMissingReference(error) ? new ApiError('not_found', 'Agent') : error
  })
  return channelFromRow(row!)
}

const ofAgent: Statement = {
  name: 'channels-of-agent',
  text: `
select ${columns} from agent_channels where org_id = $1 and agent_id = $2
order by created_at desc, id desc`,
}

/** Lists the channels of an agent, newest first. Their number is limited. */
export async function listChannels(db: Db, orgId: string, agentId: string) {
  return (await db.run<ChannelRow>(ofAgent, [orgId, agentId])).map(channelFromRow)
}

const byId: Statement = {
  name: 'agent-channel-by-id',
  text: `select ${columns} from agent_channels where org_id = $1 and agent_id = $2 and id = $3`,
}

const refValues = ({ orgId, agentId, id }: ChannelRef) => [orgId, agentId, id]

/** Returns a channel. Contract: throws 404, also for a channel of another agent. */
export async function getChannel(db: Db, ref: ChannelRef): Promise<AgentChannel> {
  const [row] = await db.run<ChannelRow>(byId, refValues(ref))
  if (!row) throw new ApiError('not_found', 'Agent channel')
  return channelFromRow(row)
}

const locked: Statement = {
  name: 'lock-agent-channel',
  text: `
select config, client_secret from agent_channels
where org_id = $1 and agent_id = $2 and id = $3 for no key update`,
}

/** Locks a channel until the transaction ends, and returns its settings. Contract: throws 404. */
export async function lockChannel(db: Db, ref: ChannelRef): Promise<StoredSettings> {
  const [row] = await db.run<StoredSettings>(locked, refValues(ref))
  if (!row) throw new ApiError('not_found', 'Agent channel')
  return row
}

/** A channel that is closed and enabled again is a draft. */
const update: Statement = {
  name: 'update-agent-channel',
  text: `
update agent_channels set
  config = coalesce($4, config),
  client_secret = case when $4::json is null then client_secret else $6 end,
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
  { enabled, settings }: Pick<AgentChannelChange, 'enabled'> & { settings?: StoredSettings },
): Promise<AgentChannel> {
  const config = settings ? JSON.stringify(settings.config) : null
  const values = [...refValues(ref), config, enabled ?? null, settings?.client_secret ?? null]
  return changed(db, ref, await db.run<ChannelRow>(update, values))
}

async function changed(db: Db, { id }: ChannelRef, rows: ChannelRow[]): Promise<AgentChannel> {
  if (!rows[0]) throw new ApiError('not_found', 'Agent channel')
  await recordChange(db, subjectOf.channel(id))
  return channelFromRow(rows[0])
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
  const rows = await db.run<ChannelRow>(publish, [...refValues(ref), status])
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
  await changed(db, ref, await db.run<ChannelRow>(remove, refValues(ref)))
}

/** A channel as its callers use it. */
export type OpenChannel = {
  id: string
  orgId: string
  agentId: string
  settings: ChannelSettings
  /** The sealed secret of the client that introspects tokens. */
  clientSecret: string | null
  updatedAt: string
}

type OpenRow = {
  id: string
  org_id: string
  agent_id: string
  config: ChannelConfig
  client_secret: string | null
  updated_at: string
  serves: boolean
}

export const openColumns = `c.id, c.org_id, c.agent_id, c.config, c.client_secret, c.updated_at,
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

const origins: Statement = {
  name: 'origins-of-channel',
  text: `select config->'allowed_origins' as origins from agent_channels where id = $1`,
}

/** The origins of pages that may call a channel, served or not. None for an unknown channel. */
export async function findOrigins(db: Db, id: string): Promise<readonly string[]> {
  const [row] = await db.run<{ origins: string[] | null }>(origins, [id])
  return row?.origins ?? []
}

/** Contract: throws 403 `channel_closed`. */
export function toOpenChannel({ config, serves, ...row }: OpenRow): OpenChannel {
  if (!serves) throw new ApiError('channel_closed')
  return {
    id: row.id,
    orgId: row.org_id,
    agentId: row.agent_id,
    settings: { ...defaults, ...config },
    clientSecret: row.client_secret,
    updatedAt: row.updated_at,
  }
}

/** The sealed secret of a channel, for the rotation of master keys. */
export type SealedChannelSecret = {
  org_id: string
  id: string
  client_secret: string
  config: ChannelConfig
}

const sealed: Statement = {
  name: 'sealed-channel-secrets',
  text: `
select org_id, id, client_secret, config from agent_channels
where client_secret is not null and (org_id, id) > ($1, $2) order by org_id, id limit 500`,
}

/** Lists the sealed secrets of all channels, in batches. */
export async function* listSealedChannelSecrets(db: Db): AsyncGenerator<SealedChannelSecret[]> {
  let last = { org_id: '', id: '' }
  for (;;) {
    const rows = await db.run<SealedChannelSecret>(sealed, [last.org_id, last.id])
    if (rows.length === 0) return
    yield rows
    last = rows.at(-1)!
  }
}

/** The endpoint and the client that a channel has a secret for. */
export const secretUseOf = ({ auth_methods }: ChannelConfig): SecretUse | undefined =>
  auth_methods?.find(({ mode }) => mode === 'oauth2_introspection')?.provider

const replace: Statement = {
  name: 'replace-channel-secret',
  text: `
update agent_channels set client_secret = $4
where org_id = $1 and id = $2 and client_secret = $3 returning 1`,
}

/** Replaces an envelope. False if it was changed meanwhile. */
export async function replaceSealedChannelSecret(
  db: Db,
  { org_id, id, client_secret }: SealedChannelSecret,
  renewed: string,
): Promise<boolean> {
  return (await db.run(replace, [org_id, id, client_secret, renewed])).length > 0
}
