import type { TestContext } from 'node:test'
import type { Event } from '@outlast/contract'
import { expectStatus } from './access.ts'
import { type Call, caller } from './server.ts'
import { createAgent } from './session.ts'
import { listen } from './stream.ts'

type Manager = { url: string; call: Call }

/** A caller of a channel: a key, one of its users, or a runtime token. */
export type ChannelClient = Awaited<ReturnType<typeof openChannel>>

/** Creates a live channel with a key, and a client that calls it. */
export async function openChannel(
  manager: Manager,
  { config = {}, agent = {} }: { config?: object; agent?: object } = {},
) {
  const { id: agentId } = await createAgent(manager, agent)
  const channels = `/v1/agents/${agentId}/channels`
  const body = { channel_type: 'api', channel_config: config }
  const { id } = expectStatus(await manager.call('POST', channels, body), 201)
  const manage = (method: string, suffix: string, body?: object) =>
    manager.call(method, `${channels}/${id}${suffix}`, body)
  expectStatus(await manage('POST', '/publish'), 200)
  const { secret, keyId } = await newKey(manage)
  return { agentId, id, manage, keyId, ...channelClient(manager.url, id, secret) }
}

type Manage = (method: string, suffix: string, body?: object) => ReturnType<Call>

/** Creates a key of a channel. */
export async function newKey(manage: Manage, fields: object = {}) {
  const permissions = ['sessions', 'end_user']
  const body = { name: 'Test', permissions, ...fields }
  const made = expectStatus(await manage('POST', '/keys', body), 201)
  return { secret: made.secret as string, keyId: made.id as string }
}

/** Calls a channel with a credential, and perhaps for an end user. */
export function channelClient(url: string, channelId: string, secret: string, endUser?: string) {
  const base = `/v1/channels/${channelId}`
  const headers = {
    authorization: `Bearer ${secret}`,
    ...(endUser !== undefined && { 'end-user': endUser }),
  }
  const send = caller(url)
  const call = (
    method: string,
    suffix: string,
    body?: unknown,
    more: Record<string, string> = {},
  ) => send(method, base + suffix, body, { ...headers, ...more })
  return {
    base,
    secret,
    headers,
    call,
    /** The same credential for an end user. */
    as: (user: string) => channelClient(url, channelId, secret, user),
    /** The same caller on another node. */
    on: (node: { url: string }) => channelClient(node.url, channelId, secret, endUser),
    create: async (body: object = {}) =>
      expectStatus(await call('POST', '/sessions', body), 201).id as string,
    say: (sessionId: string, text: string, more?: Record<string, string>) =>
      call('POST', `/sessions/${sessionId}/messages`, messageOf(text), more),
    async events(sessionId: string, query = '') {
      const answer = await call('GET', `/sessions/${sessionId}/events${query}`)
      return expectStatus(answer, 200).data as Event[]
    },
    /** Follows a session as the caller sees it. */
    async follow(t: Pick<TestContext, 'after'>, sessionId: string, query = '') {
      const events: Event[] = []
      const at = `${url}${base}/sessions/${sessionId}/sse${query}`
      const stream = await listen(t, at, {
        headers,
        heard: ({ id, data }) => id !== undefined && events.push(JSON.parse(data!)),
      })
      const event = (type: string) => stream.until(() => events.find((one) => one.type === type))
      return { ...stream, events, event }
    },
  }
}

export const messageOf = (text: string) => ({
  message: { role: 'user', content: [{ type: 'text', text }] },
})
