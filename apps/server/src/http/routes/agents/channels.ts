import { randomBytes } from 'node:crypto'
import {
  AgentChannel,
  AgentChannelChange,
  AgentKey,
  AgentKeyRotation,
  AgentKeyWithSecret,
  agentKeyOverlapHours,
  DeletedAgentChannel,
  ErrorResponse,
  NewAgentChannel,
  NewAgentKey,
} from '@outlast/contract'
import { Type } from 'typebox'
import { agentKeyStart } from '../../../access/agent-keys.ts'
import { secretHash } from '../../../access/tokens.ts'
import { invalidAt } from '../../../errors.ts'
import { databaseNow, newId, parseId } from '../../../ids.ts'
import {
  type ChannelRef,
  createChannel,
  deleteChannel,
  getChannel,
  listChannels,
  lockChannel,
  setChannelStatus,
  updateChannel,
} from '../../../store/access/agent-channels.ts'
import {
  countAgentKeys,
  createAgentKey,
  hasKeyForUsers,
  listAgentKeys,
  revokeAgentKey,
  rotateAgentKey,
} from '../../../store/access/agent-keys.ts'
import { followLimit, wakeTurnsOfChannel } from '../../../store/budgets/channel-limits.ts'
import type { Db } from '../../../store/database.ts'
import { getAgentId } from '../../../store/models/agent-names.ts'
import { getAgent } from '../../../store/models/agents.ts'
import type { Api } from '../../core/api.ts'
import { checkNumber } from '../../core/number-limit.ts'
import { utcOf } from '../../core/utc.ts'
import { allowsAllOrigins, storedSettings } from './channels/settings.ts'

const channelsMax = 100
const keysMax = 100
const prefixLength = agentKeyStart.length + 8

const base = '/v1/agents/:agent_id/channels'
const one = `${base}/:channel_id`

type OfAgent = { agent_id: string }
type Params = OfAgent & { channel_id: string }
type KeyParams = Params & { key_id: string }

/** Contract: throws 404 for an agent's unknown name. */
const channelRefOf = async (db: Db, orgId: string, params: Params): Promise<ChannelRef> => ({
  orgId,
  agentId: await getAgentId(db, orgId, params.agent_id),
  id: parseId('agent_channel', params.channel_id),
})

/** Doors of an agent for other programs, and the keys of these programs. */
export function channelRoutes(api: Api): void {
  collectionRoutes(api)
  itemRoutes(api)
  statusRoutes(api)
  keyRoutes(api)
  keyChangeRoutes(api)
}

function collectionRoutes({ app, node }: Api): void {
  app.route<{ Params: OfAgent }>({
    method: 'GET',
    url: base,
    schema: {
      operationId: 'list_agent_channels',
      response: {
        200: Type.Array(AgentChannel, { description: 'Newest first.' }),
        '4xx': ErrorResponse,
      },
    },
    async handler({ params, principal: { orgId }, db }) {
      const { id } = await getAgent(db, orgId, await getAgentId(db, orgId, params.agent_id))
      return listChannels(db, orgId, id)
    },
  })

  app.route<{ Params: OfAgent; Body: NewAgentChannel }>({
    method: 'POST',
    url: base,
    config: { access: 'admin' },
    schema: {
      operationId: 'create_agent_channel',
      body: NewAgentChannel,
      response: { 201: AgentChannel, '4xx': ErrorResponse },
    },
    async handler({ params, body, principal: { orgId }, db }, reply) {
      const { channel_type, channel_config, enabled } = body
      const { id: agentId } = await getAgent(
        db,
        orgId,
        await getAgentId(db, orgId, params.agent_id),
      )
      await checkNumber({
        max: channelsMax,
        what: 'channels of an agent',
        count: async () => (await listChannels(db, orgId, agentId)).length,
      })
      const ref = { orgId, agentId, id: newId('agent_channel') }
      const settings = storedSettings(node, ref, channel_config ?? {})
      const made = { channel_type, enabled: enabled ?? true, ...settings }
      return reply.code(201).send(await createChannel(db, ref, made))
    },
  })
}

const keysForUsers = 'while a key of the channel may act for end users'

function itemRoutes({ app, node }: Api): void {
  app.route<{ Params: Params }>({
    method: 'GET',
    url: one,
    schema: {
      operationId: 'get_agent_channel',
      response: { 200: AgentChannel, '4xx': ErrorResponse },
    },
    handler: async ({ params, principal, db }) =>
      getChannel(db, await channelRefOf(db, principal.orgId, params)),
  })

  app.route<{ Params: Params; Body: AgentChannelChange }>({
    method: 'PATCH',
    url: one,
    config: { access: 'admin' },
    schema: {
      operationId: 'update_agent_channel',
      body: AgentChannelChange,
      response: { 200: AgentChannel, '4xx': ErrorResponse },
    },
    async handler({ params, body, principal, db: unit }) {
      const ref = await channelRefOf(unit, principal.orgId, params)
      const { channel_config: config, enabled = null } = body
      if (!config) return updateChannel(unit, ref, { enabled })
      const before = await lockChannel(unit, ref)
      const settings = storedSettings(node, ref, config, before)
      const keys = { orgId: ref.orgId, channelId: ref.id }
      if (allowsAllOrigins(config) && (await hasKeyForUsers(unit, keys))) {
        throw invalidAt('channel_config/allowed_origins', `must not be * ${keysForUsers}`)
      }
      await followLimit(unit, ref, { before: before.config, after: config })
      return updateChannel(unit, ref, { enabled, settings })
    },
  })

  app.route<{ Params: Params }>({
    method: 'DELETE',
    url: one,
    config: { access: 'admin' },
    schema: {
      operationId: 'delete_agent_channel',
      response: { 200: DeletedAgentChannel, '4xx': ErrorResponse },
    },
    async handler({ params, principal, db: unit }): Promise<DeletedAgentChannel> {
      const ref = await channelRefOf(unit, principal.orgId, params)
      await deleteChannel(unit, ref)
      await wakeTurnsOfChannel(unit, ref)
      return { id: ref.id, deleted: true }
    },
  })
}

function statusRoutes({ app }: Api): void {
  for (const [action, status] of [
    ['publish', 'live'],
    ['unpublish', 'draft'],
  ] as const) {
    app.route<{ Params: Params }>({
      method: 'POST',
      url: `${one}/${action}`,
      config: { access: 'admin', whenFull: true },
      schema: {
        operationId: `${action}_agent_channel`,
        response: { 200: AgentChannel, '4xx': ErrorResponse },
      },
      handler: async ({ params, principal, db: unit }) =>
        setChannelStatus(unit, await channelRefOf(unit, principal.orgId, params), status),
    })
  }
}

/** A new secret with its stored parts. */
function newSecret() {
  const secret = agentKeyStart + randomBytes(32).toString('hex')
  return { secret, prefix: `${secret.slice(0, prefixLength)}...`, hash: secretHash(secret) }
}

/** The channel of the path. Contract: throws 404. */
async function keysOf(db: Db, orgId: string, params: Params) {
  const { id: channelId } = await getChannel(db, await channelRefOf(db, orgId, params))
  return { orgId, channelId }
}

/** Contract: `db` is a transaction; throws 400 for a channel that pages of all origins may call. */
async function checkKeyForUsers(db: Db, ref: ChannelRef) {
  const { config } = await lockChannel(db, ref)
  if (!allowsAllOrigins(config)) return
  throw invalidAt('permissions', 'must not have end_user: allowed_origins of the channel has *')
}

function keyRoutes({ app }: Api): void {
  app.route<{ Params: Params }>({
    method: 'GET',
    url: `${one}/keys`,
    schema: {
      operationId: 'list_agent_keys',
      response: {
        200: Type.Array(AgentKey, { description: 'Newest first, revoked keys included.' }),
        '4xx': ErrorResponse,
      },
    },
    handler: async ({ params, principal, db }) =>
      listAgentKeys(db, await keysOf(db, principal.orgId, params)),
  })

  app.route<{ Params: Params; Body: NewAgentKey }>({
    method: 'POST',
    url: `${one}/keys`,
    config: { access: 'admin', answersSecret: true },
    schema: {
      operationId: 'create_agent_key',
      body: NewAgentKey,
      response: { 201: AgentKeyWithSecret, '4xx': ErrorResponse },
    },
    async handler(request, reply) {
      const { params, body, principal, db: unit } = request
      const of = await keysOf(unit, principal.orgId, params)
      const expiresAt = body.expires_at == null ? null : utcOf('expires_at', body.expires_at)
      if (expiresAt !== null && Date.parse(expiresAt) <= databaseNow()) {
        throw invalidAt('expires_at', 'must be in the future')
      }
      await checkNumber({
        max: keysMax,
        what: 'keys of a channel',
        count: () => countAgentKeys(unit, of),
      })
      const permissions = [...new Set(['sessions' as const, ...(body.permissions ?? [])])]
      if (permissions.includes('end_user')) {
        await checkKeyForUsers(unit, await channelRefOf(unit, principal.orgId, params))
      }
      const { secret, ...stored } = newSecret()
      const made = { ...stored, name: body.name, permissions, expiresAt }
      const key = await createAgentKey(unit, of, made)
      const { channelId: channel_id } = of
      request.auditNote = { target: key.id, details: { channel_id, name: body.name, permissions } }
      return reply.code(201).send({ ...key, secret })
    },
  })
}

function keyChangeRoutes({ app }: Api): void {
  const keyIn = ({ key_id }: KeyParams) => parseId('agent_key', key_id)

  app.route<{ Params: KeyParams; Body: AgentKeyRotation }>({
    method: 'POST',
    url: `${one}/keys/:key_id/rotate`,
    config: { access: 'admin', answersSecret: true, bodyOptional: true },
    schema: {
      operationId: 'rotate_agent_key',
      body: AgentKeyRotation,
      response: { 200: AgentKeyWithSecret, '4xx': ErrorResponse },
    },
    async handler({ params, body, principal, db: unit }) {
      const id = keyIn(params)
      const of = await keysOf(unit, principal.orgId, params)
      const hours = body.overlap_hours ?? agentKeyOverlapHours.default
      const { secret, ...stored } = newSecret()
      const key = await rotateAgentKey(unit, { ...of, id }, { ...stored, hours })
      return { ...key, secret }
    },
  })

  app.route<{ Params: KeyParams }>({
    method: 'POST',
    url: `${one}/keys/:key_id/revoke`,
    config: { access: 'admin', whenFull: true },
    schema: {
      operationId: 'revoke_agent_key',
      response: { 200: AgentKey, '4xx': ErrorResponse },
    },
    async handler({ params, principal, db: unit }) {
      const id = keyIn(params)
      return revokeAgentKey(unit, { ...(await keysOf(unit, principal.orgId, params)), id })
    },
  })
}
