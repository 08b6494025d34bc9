/** AG-UI clients of both protocols, and the events that they receive. */
import assert from 'node:assert/strict'
import { HttpAgent } from '@ag-ui/client'
import { EventSchema } from '@ag-ui/core/schemas'
import type { Message } from '@outlast/contract'
import { type AgUiMessage, agUiMessages } from '@outlast/contract/folds/ag-ui-messages'
import { HttpAgent as EarlierHttpAgent } from 'ag-ui-client-0'
import type { Call } from '../../apps/server/test/server.ts'

// biome-ignore lint/suspicious/noExplicitAny: tests look into events of every type
export type WireEvent = { type: string } & Record<string, any>

export const protocols = {
  '1.0': HttpAgent,
  '0.0.59': EarlierHttpAgent as unknown as typeof HttpAgent,
}
export type Protocol = keyof typeof protocols

type Options = {
  url: string
  agentId: string
  threadId: string
  headers?: Record<string, string>
  messages?: AgUiMessage[]
}

/** Creates a client that checks each event against the schemas of the protocol. */
export function agUiClient(protocol: Protocol, options: Options) {
  const { url, agentId, threadId, headers = {}, messages = [] } = options
  const events: WireEvent[] = []
  const reading: Promise<void>[] = []
  const client = new protocols[protocol]({
    url: `${url}/v1/ag-ui/agents/${agentId}`,
    threadId,
    headers,
    initialMessages: messages as never,
  })
  client.fetch = async (address: string, init?: RequestInit) => {
    const response = await fetch(address, init)
    if (!response.ok || !response.body) return response
    const [shown, checked] = endingCleanly(response.body).tee()
    reading.push(collect(checked, events))
    return new Response(shown, response)
  }
  /** All events, when the client has received them. */
  const received = async () => {
    await Promise.all(reading)
    return events
  }
  return { client, events, received }
}

/**
 * Ends a body where its connection was lost: the client leaves the rejection of a broken one
 * unhandled, which ends a Node process.
 */
function endingCleanly(body: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  return new ReadableStream({
    async pull(controller) {
      const lost = { value: undefined, done: true } as const
      const { value, done } = await reader.read().catch(() => lost)
      if (done) controller.close()
      else controller.enqueue(value)
    },
    cancel: (reason) => reader.cancel(reason).catch(() => {}),
  })
}

async function collect(body: ReadableStream<Uint8Array>, events: WireEvent[]) {
  const decoder = new TextDecoder()
  let text = ''
  for await (const part of body) {
    text += decoder.decode(part, { stream: true })
    const frames = text.split('\n\n')
    text = frames.pop()!
    for (const frame of frames) events.push(...eventsIn(frame))
  }
}

/** The event of a frame, which must be of the protocol. */
export function eventsIn(frame: string): WireEvent[] {
  const line = frame.split('\n').find((one) => one.startsWith('data: '))
  if (!line) return []
  const event = JSON.parse(line.slice('data: '.length))
  const checked = EventSchema.safeParse(event)
  assert.ok(checked.success, `${line}: ${checked.error}`)
  return [event]
}

/** Messages of a thread in the log, as a client should have them. */
export async function loggedMessages(call: Call, sessionId: string) {
  const { body } = await call('GET', `/v1/sessions/${sessionId}/messages`)
  return agUiMessages(body.data as Message[]).map(comparable)
}

/** Messages of a client without reasoning, of which the log keeps no messages. */
export const shownMessages = ({ messages }: { messages: readonly unknown[] }) =>
  (messages as AgUiMessage[]).filter(({ role }) => role !== 'reasoning').map(comparable)

function comparable(message: AgUiMessage) {
  const { id, role, content, ...rest } = message
  if (role === 'tool') {
    const { toolCallId } = message as AgUiMessage & { role: 'tool' }
    return { role, toolCallId, content }
  }
  const calls = 'toolCalls' in rest && rest.toolCalls?.length ? { toolCalls: rest.toolCalls } : {}
  return { id: id.replace(/~\d+$/, ''), role, ...(content && { content }), ...calls }
}

export async function sessionOf(call: Call, threadId: string) {
  const { body } = await call('GET', `/v1/sessions?key=${encodeURIComponent(threadId)}`)
  assert.equal(body.data.length, 1, JSON.stringify(body))
  return body.data[0]
}
