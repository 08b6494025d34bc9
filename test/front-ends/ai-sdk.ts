/** Chats of the AI SDK, with its own classes of both versions, against a real server. */
import assert from 'node:assert/strict'
import type { Agent } from '@outlast/contract'
import * as ai from 'ai'
import * as ai6 from 'ai6'
import type { Call } from '../../apps/server/test/server.ts'

export type Server = { url: string; call: Call }
export type Version = 6 | 7

type Message = ai.UIMessage
type Init = ai.ChatInit<Message>

/** The state of a chat without a framework. */
function stateOf(messages: Message[]): ai.ChatState<Message> {
  return {
    status: 'ready',
    error: undefined,
    messages,
    pushMessage(message) {
      this.messages = [...this.messages, message]
    },
    popMessage() {
      this.messages = this.messages.slice(0, -1)
    },
    replaceMessage(index, message) {
      this.messages = this.messages.with(index, structuredClone(message))
    },
    snapshot: structuredClone,
  }
}

class Chat7 extends ai.AbstractChat<Message> {
  constructor({ messages = [], ...init }: Init) {
    super({ ...init, state: stateOf(messages) })
  }
}
class Chat6 extends ai6.AbstractChat<ai6.UIMessage> {
  constructor({ messages = [], ...init }: Init) {
    super({ ...init, state: stateOf(messages) } as never)
  }
}

const classes = { 6: Chat6 as unknown as typeof Chat7, 7: Chat7 }
const libraries = { 6: ai6 as unknown as typeof ai, 7: ai }
export const libraryOf = (version: Version) => libraries[version]

export type Front = {
  server: Server
  agent: Pick<Agent, 'id'>
  version: Version
  id: string
  headers?: Record<string, string>
  fetch?: typeof fetch
}

const apiOf = ({ server, agent, version }: Front) =>
  `${server.url}/v1/ai-sdk${version === 6 ? '/v6' : ''}/agents/${agent.id}/chat`

/** Every chunk that clients have received. */
export const seen: { version: Version; chunk: ai.UIMessageChunk }[] = []

/** Creates a chat with the library's own transport. */
export function openChat(front: Front, init: Partial<Init> = {}) {
  const { version, headers, fetch } = front
  const { DefaultChatTransport } = libraries[version]
  const about = { ...(headers && { headers }), ...(fetch && { fetch }) }
  const transport = new DefaultChatTransport({ api: apiOf(front), ...about })
  const sending = transport.sendMessages.bind(transport)
  transport.sendMessages = async (options) => recorded(version, await sending(options))
  return openWith(front, { transport, ...init })
}

/** Creates a chat with any transport. */
export const openWith = ({ version, id }: Pick<Front, 'version' | 'id'>, init: Partial<Init>) =>
  new classes[version]({ id, ...init })

const recorded = (version: Version, stream: ReadableStream<ai.UIMessageChunk>) =>
  stream.pipeThrough(
    new TransformStream<ai.UIMessageChunk, ai.UIMessageChunk>({
      transform(chunk, controller) {
        seen.push({ version, chunk })
        controller.enqueue(chunk)
      },
    }),
  )

/** The messages of the log. */
export async function stored({ server, agent, version, id, headers }: Front) {
  const base = `/v1/ai-sdk${version === 6 ? '/v6' : ''}/agents/${agent.id}/chat`
  const path = `${base}/${encodeURIComponent(id)}/messages`
  const { status, body } = await server.call('GET', path, undefined, headers)
  assert.equal(status, 200, JSON.stringify(body))
  return body as { messages: Message[]; status: string; session_id: string; before: number | null }
}

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

/** Fails unless the client has the messages of the log. */
export async function expectLog(front: Front, chat: { messages: Message[] }) {
  const { messages, status } = await stored(front)
  assert.deepEqual(plain(chat.messages), messages)
  return status
}

export const textIn = (message: Message | undefined) =>
  message?.parts.map((part) => (part.type === 'text' ? part.text : '')).join('') ?? ''

/** Waits until something holds for a chat. */
export async function untilChat<T>(find: () => T | undefined | false): Promise<T> {
  for (;;) {
    const found = find()
    if (found !== undefined && found !== false) return found
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
