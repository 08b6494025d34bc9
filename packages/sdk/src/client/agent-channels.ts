import type {
  AgentChannel,
  AgentChannelChange,
  AgentKey,
  AgentKeyRotation,
  AgentKeyWithSecret,
  DeletedAgentChannel,
  NewAgentChannel,
  NewAgentKey,
} from '@outlast/contract'
import { type CallOptions, type Http, path } from '../http/http.ts'

/** Channels of agents and their keys, for administrators. Callers use `channels`. */
export function agentChannels(http: Http) {
  const { call } = http
  const of = (agentId: string) => path`/v1/agents/${agentId}/channels`
  const one = (agentId: string, id: string) => path`/v1/agents/${agentId}/channels/${id}`
  return {
    /** Lists the channels of an agent, newest first. */
    list: (agentId: string, options?: CallOptions) =>
      call<AgentChannel[]>('GET', of(agentId), {}, options),
    /** Creates a channel, which is a draft until `publish`. */
    create: (agentId: string, body: NewAgentChannel, options?: CallOptions) =>
      call<AgentChannel>('POST', of(agentId), { body }, options),
    /** Returns a channel. `not_found` for an unknown id. */
    get: (agentId: string, id: string, options?: CallOptions) =>
      call<AgentChannel>('GET', one(agentId, id), {}, options),
    /** Changes the given properties. New settings replace all previous ones. */
    update: (agentId: string, id: string, body: AgentChannelChange, options?: CallOptions) =>
      call<AgentChannel>('PATCH', one(agentId, id), { body }, options),
    /** Deletes a channel and its keys. Its sessions stay. */
    delete: (agentId: string, id: string, options?: CallOptions) =>
      call<DeletedAgentChannel | undefined>('DELETE', one(agentId, id), {}, options).then(
        (answer) => answer ?? { id, deleted: true },
      ),
    /** Makes a draft live. `channel_disabled` for a closed channel. */
    publish: (agentId: string, id: string, options?: CallOptions) =>
      call<AgentChannel>('POST', `${one(agentId, id)}/publish`, {}, options),
    /** Makes a live channel a draft again. */
    unpublish: (agentId: string, id: string, options?: CallOptions) =>
      call<AgentChannel>('POST', `${one(agentId, id)}/unpublish`, {}, options),
    /** Lists the keys of a channel, newest first, without secrets. */
    listKeys: (agentId: string, id: string, options?: CallOptions) =>
      call<AgentKey[]>('GET', `${one(agentId, id)}/keys`, {}, options),
    /** Creates a key. Only this response contains its secret. */
    createKey: (agentId: string, id: string, body: NewAgentKey, options?: CallOptions) =>
      call<AgentKeyWithSecret>(
        'POST',
        `${one(agentId, id)}/keys`,
        { body, hasSecret: true },
        options,
      ),
    /** Gives a key a new secret. The previous one is accepted for a while. */
    rotateKey: (
      agentId: string,
      id: string,
      keyId: string,
      body: AgentKeyRotation = {},
      options?: CallOptions,
    ) =>
      call<AgentKeyWithSecret>(
        'POST',
        `${one(agentId, id)}${path`/keys/${keyId}`}/rotate`,
        { body, hasSecret: true },
        options,
      ),
    /** Revokes a key. All nodes refuse it within a second. */
    revokeKey: (agentId: string, id: string, keyId: string, options?: CallOptions) =>
      call<AgentKey>('POST', `${one(agentId, id)}${path`/keys/${keyId}`}/revoke`, {}, options),
  }
}
