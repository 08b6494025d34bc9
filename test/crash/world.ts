import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import type { Agent, Session } from '@outlast/contract'
import { expectStatus } from '../../apps/server/test/access.ts'
import type { Call } from '../../apps/server/test/server.ts'
import { createAgent, createSession } from '../../apps/server/test/session.ts'
import { eventually } from '../../apps/server/test/waiting.ts'

/** A model's prompt in the form of OpenAI's Chat Completions. */
export type ChatMessage = { role: string; content?: unknown; tool_call_id?: string }

/** A piece of a reply: text, or a tool call. */
export type Piece = string | { name: string; arguments: object }

/** An effect of a tool, as the world recorded it. */
export type Effect = {
  tool: string
  key: string
  session: string
  input: { words?: string }
}

export type WorldOptions = {
  /** The model's reply to a prompt; `call` counts from 1. */
  reply: (prompt: ChatMessage[], call: number) => Iterable<Piece> | AsyncIterable<Piece>
  /** Called when an effect has happened; the tool ends when it resolves. */
  onEffect?: (effect: Effect) => unknown
}

export type World = {
  url: string
  /** Every prompt of a model call, in order. */
  prompts: ChatMessage[][]
  /** Every effect, in order. */
  effects: Effect[]
  /** How often a tool had its effect. */
  count: (tool: string) => number
}

/** The state that survives every node: a model provider and a ledger of tool effects. */
export async function startWorld(
  t: Pick<TestContext, 'after'>,
  { reply, onEffect = () => {} }: WorldOptions,
): Promise<World> {
  const prompts: ChatMessage[][] = []
  const effects: Effect[] = []
  const server = createServer(async (request, response) => {
    // A node requests the list of models every hour; this provider has none.
    if (request.method !== 'POST') return void response.writeHead(404).end()
    const sent = await text(request).catch(() => undefined)
    // Ignores requests of killed processes.
    if (sent === undefined) return
    const body = JSON.parse(sent)
    // From a process of another test, whose server had this port before.
    if (request.url !== '/effects' && !body.messages) return void response.writeHead(400).end()
    if (request.url === '/effects') {
      effects.push(body)
      await onEffect(body)
      response.end('{"done":true}')
    } else {
      prompts.push(body.messages)
      await sendReply(response, reply(body.messages, prompts.length))
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(async () => {
    server.closeAllConnections()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    prompts,
    effects,
    count: (tool) => effects.filter((effect) => effect.tool === tool).length,
  }
}

async function sendReply(
  response: ServerResponse<IncomingMessage>,
  pieces: AsyncIterable<Piece> | Iterable<Piece>,
) {
  const send = (delta: object, finish_reason: string | null = null) =>
    response.write(
      `data: ${JSON.stringify({ id: 'x', created: 0, model: 'm', choices: [{ index: 0, delta, finish_reason }] })}\n\n`,
    )
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  let calls = 0
  for await (const piece of pieces) {
    if (response.destroyed) return
    if (typeof piece === 'string') send({ content: piece })
    else {
      const { name, arguments: input } = piece
      const call = { name, arguments: JSON.stringify(input) }
      send({
        tool_calls: [{ index: calls, id: `call_${calls}`, type: 'function', function: call }],
      })
      calls += 1
    }
  }
  send({}, calls > 0 ? 'tool_calls' : 'stop')
  response.end('data: [DONE]\n\n')
}

/** A session whose agent uses the world's model and both of its tools. */
export async function worldlySession(
  { call: callOnce, url }: { call: Call; url: string },
  world: World,
  fields: object = {},
): Promise<{ agent: Agent; session: Session }> {
  // On a busy machine a node can take long to open its first connections.
  const call = (...request: Parameters<Call>) =>
    eventually(async () => {
      const answer = await callOnce(...request)
      return [429, 503].includes(answer.status) ? undefined : answer
    })
  const node = { call, url }
  const create = async (path: string, body: object) =>
    expectStatus(await call('POST', path, body), 201)
  const provider = await create('/v1/llm-providers', {
    name: 'World',
    provider_type: 'openai_completions',
    base_url: `${world.url}/v1`,
  })
  const model = await create(`/v1/llm-providers/${provider.id}/models`, {
    model_id: 'm',
    display_name: 'M',
  })
  const agent = await createAgent(node, {
    default_model_id: model.id,
    capabilities: [{ ref: 'recording' }],
    ...fields,
  })
  return { agent, session: await createSession(node, { agent_id: agent.id }) }
}
