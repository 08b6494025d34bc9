import assert from 'node:assert/strict'
import { after, before } from 'node:test'
import type { Agent, Controls, Event, Model, ProviderType, Session } from '@outlast/contract'
import { expectStatus } from '../../apps/server/test/access.ts'
import { startServer } from '../../apps/server/test/server.ts'
import { createAgent, createSession, eventsOf } from '../../apps/server/test/session.ts'
import { follow } from '../../apps/server/test/stream.ts'

/** How a provider is reached, or played. Without an address: at the provider's own. */
export type Reached = { base_url?: string; api_key?: string; model_id: string }

/** One server for all tests of a file; it starts with them. */
export function serverOfFile(env: Record<string, string> = {}): () => Server {
  const stops: (() => unknown)[] = []
  let server: Server | undefined
  before(async () => {
    const t = { after: (stop: () => unknown) => stops.push(stop) }
    server = await startServer(t as never, {
      env: { PRIVATE_HOSTS_ALLOWED: '127.0.0.1', ...env },
    })
  })
  after(async () => {
    for (const stop of stops) await stop()
  })
  return () => server!
}

export type Server = Awaited<ReturnType<typeof startServer>>

export const secretKey = 'sk-secret-of-a-vendor'

/** A provider, and one model of it. */
export async function addModel(
  { call }: Server,
  provider_type: ProviderType,
  { model_id, api_key = secretKey, base_url }: Reached,
): Promise<Model> {
  const fields = { name: provider_type, provider_type, api_key, ...(base_url && { base_url }) }
  const provider = expectStatus(await call('POST', '/v1/llm-providers', fields), 201)
  return addModelOf({ call }, provider.id, model_id)
}

export async function addModelOf(
  { call }: Pick<Server, 'call'>,
  providerId: string,
  model_id: string,
): Promise<Model> {
  const body = { model_id, display_name: model_id }
  return expectStatus(await call('POST', `/v1/llm-providers/${providerId}/models`, body), 201)
}

type Said = string | object[]
type Saying = {
  controls?: Controls
  instructions?: string
  onEvent?: (event: Event) => unknown
}
type Told = { events: Event[]; text: string; thoughts: string }

export type Talk = {
  agent: Agent
  session: Session
  /**
   * Sends a message, waits until the session is idle again, and returns all events of the stream.
   */
  say: (said: Said, saying?: Saying) => Promise<Told>
}

/** A session with an agent that calculates, on a model. */
export async function talkTo(
  server: Server,
  model: Pick<Model, 'id'>,
  fields: object = {},
): Promise<Talk> {
  const own = { default_model_id: model.id, capabilities: [{ ref: 'test_math' }] }
  const agent = await createAgent(server, { ...own, ...fields })
  const session = await createSession(server, { agent_id: agent.id })
  return { agent, session, say: (...said) => say(server, session.id, ...said) }
}

async function say(server: Server, sessionId: string, said: Said, saying: Saying = {}) {
  const { controls, instructions, onEvent } = saying
  const before = (await eventsOf(server, sessionId)).at(-1)!.sequence
  const query = `?after_sequence=${before}`
  const stream = await follow({ after() {} }, server.url, { sessionId, query })
  try {
    const content = typeof said === 'string' ? [{ type: 'text', text: said }] : said
    const fields = { ...(controls && { controls }), ...(instructions && { instructions }) }
    const body = { message: { content }, ...fields }
    const posted = await server.call('POST', `/v1/sessions/${sessionId}/messages`, body)
    assert.equal(posted.status, 201, JSON.stringify(posted.body))
    await stream.until(() => {
      if (stream.events.length > 0) onEvent?.(stream.events.at(-1)!)
      return stream.events.find(({ type }) => type === 'session.idled')
    })
  } finally {
    stream.close()
  }
  const { events } = stream
  const deltas = (type: string) =>
    events.flatMap((event) =>
      event.type === type ? [(event as Event<'output.message.delta'>).data.delta] : [],
    )
  return {
    events,
    text: deltas('output.message.delta').join(''),
    thoughts: deltas('reason.thinking.delta').join(''),
  }
}

/** All readable data of a session. */
export async function everythingOf(server: Server, { session }: Talk): Promise<string> {
  const paths = ['', '/events?expand=messages', '/messages']
  const answers = await Promise.all(
    paths.map((path) => server.call('GET', `/v1/sessions/${session.id}${path}`)),
  )
  return JSON.stringify(answers.map(({ status, body }) => [status, body]))
}

/** The messages of the agent, in their order. */
export const repliesIn = (events: Event[]) =>
  events.flatMap((event) => (event.type === 'output.message.completed' ? [event.data.message] : []))
