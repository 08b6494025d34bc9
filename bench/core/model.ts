import { once } from 'node:events'
import http, { type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { call } from './client.ts'

/** Writes a reply in pieces; the reply ends when it returns. */
export type Speaker = (say: (text: string) => void) => Promise<void> | void

/** A model server, for replies that our simulated model cannot produce. */
export type Model = { baseUrl: string; close: () => Promise<void> }

/** Serves a model as vendors of Chat Completions do. The speaker answers every request. */
export async function startModel(speaker: Speaker): Promise<Model> {
  const server = http.createServer(async (request, response) => {
    const isWhole = await once(request.resume(), 'end').then(
      () => true,
      () => false,
    )
    if (isWhole) await answer(response, speaker)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    baseUrl: `http://127.0.0.1:${port}/v1`,
    async close() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

async function answer(response: ServerResponse, speaker: Speaker) {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.socket?.setNoDelay(true)
  const send = (delta: object, finish_reason: string | null, more: object = {}) => {
    const choices = [{ index: 0, delta, finish_reason }]
    const chunk = { id: 'said', object: 'chat.completion.chunk', created: 1, model: 'bench' }
    response.write(`data: ${JSON.stringify({ ...chunk, choices, ...more })}\n\n`)
  }
  send({ role: 'assistant', content: '' }, null)
  await speaker((content) => send({ content }, null))
  const usage = { prompt_tokens: 50, completion_tokens: 50, total_tokens: 100 }
  send({}, 'stop', { usage })
  response.end('data: [DONE]\n\n')
}

/** Adds such a model to an Outlast server. Returns an agent with it. */
export async function agentOn(url: string, { baseUrl }: Pick<Model, 'baseUrl'>): Promise<string> {
  const provider = { name: 'Bench', provider_type: 'openai_completions', base_url: baseUrl }
  const { id } = await call<{ id: string }>(url, 'POST', '/v1/llm-providers', provider)
  return agentWith(url, id, 'bench')
}

const simulatedProvider = 'provider_01933b5a000070008000000000000003'

/** Creates an agent on a simulated model, whose name determines its behavior. */
export const agentOnSimulated = (url: string, name: string) =>
  agentWith(url, simulatedProvider, name)

async function agentWith(url: string, providerId: string, name: string): Promise<string> {
  const path = `/v1/llm-providers/${providerId}/models`
  const model = await call<{ id: string }>(url, 'POST', path, {
    model_id: name,
    display_name: name,
  })
  const agent = {
    name: 'Ada',
    system_prompt: 'You are Ada. Answer in a sentence.',
    default_model_id: model.id,
  }
  return (await call<{ id: string }>(url, 'POST', '/v1/agents', agent)).id
}
