import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { Agent, Event, EventType, Session } from '@outlast/contract'
import { type Call, startServer } from './server.ts'
import { follow } from './stream.ts'

type Server = { call: Call; url: string }

/** One step of a scripted model: its text, its tool calls, or its failure. */
export type ScriptStep = {
  text?: string
  thinking?: string
  output?: unknown
  tool_calls?: { name: string; arguments: object; id?: string }[]
  delay_ms?: number
  tokens_per_second?: number
  chunk?: number
  error?: { message: string; status?: number; after_characters?: number; fail_attempts?: number }
}

/** Returns a message that makes the simulated model run a script. */
export const scripted = (...steps: ScriptStep[]) => `llmsim-script: ${JSON.stringify(steps)}`

export async function createAgent({ call }: Server, fields: object = {}): Promise<Agent> {
  const { status, body } = await call('POST', '/v1/agents', {
    name: 'Ada',
    system_prompt: 'You are Ada.',
    ...fields,
  })
  assert.equal(status, 201, JSON.stringify(body))
  return body
}

export async function createSession(server: Server, fields: object = {}): Promise<Session> {
  const agent_id = 'agent_id' in fields ? fields.agent_id : (await createAgent(server)).id
  const { status, body } = await server.call('POST', '/v1/sessions', { agent_id, ...fields })
  assert.equal(status, 201, JSON.stringify(body))
  return body
}

export async function post({ call }: Server, sessionId: string, text: string, fields: object = {}) {
  const message = { content: [{ type: 'text', text }] }
  return call('POST', `/v1/sessions/${sessionId}/messages`, { message, ...fields })
}

/** Posts a message and waits until the session is idle again; returns all events of the stream. */
export async function converse(
  t: TestContext,
  server: Server,
  sessionId: string,
  ...[text, fields]: [text: string, fields?: object]
) {
  const before = (await eventsOf(server, sessionId)).at(-1)!.sequence
  const stream = await follow(t, server.url, { sessionId, query: `?after_sequence=${before}` })
  const posted = await post(server, sessionId, text, fields)
  assert.equal(posted.status, 201, JSON.stringify(posted.body))
  await stream.event('session.idled')
  stream.close()
  return stream.events
}

export async function eventsOf({ call }: Server, sessionId: string, query = ''): Promise<Event[]> {
  const { status, body } = await call('GET', `/v1/sessions/${sessionId}/events${query}`)
  assert.equal(status, 200, JSON.stringify(body))
  return body.data
}

export const typesOf = (events: Event[]) => events.map(({ type }) => type)

/** Returns the text of the last agent message. */
export function replyOf(events: Event[]): string {
  const last = events.findLast((event) => event.type === 'output.message.completed')
  const part = last?.data.message.content.find(({ type }) => type === 'text')
  return part?.type === 'text' ? part.text : ''
}

/** Returns the data of the n-th event of a type. */
export const dataOf = <T extends EventType>(events: Event[], type: T, n = 1) =>
  events.filter((event) => event.type === type)[n - 1]?.data as Event<T>['data']

/** Starts a server with a session whose agent calculates. */
export async function mathSession(t: TestContext) {
  const server = await startServer(t)
  const agent = await createAgent(server, { capabilities: [{ ref: 'test_math' }] })
  return { server, agent, session: await createSession(server, { agent_id: agent.id }) }
}

/** The id of the session of a response, as clients of OpenAI's API get it. */
export const sessionOf = (response: object) =>
  (response as { outlast: { session_id: string } }).outlast.session_id
