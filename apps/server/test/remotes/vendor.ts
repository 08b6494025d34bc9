import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text as readText } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import type { Model } from '@outlast/contract'
import type { Call } from '../server.ts'

/** A message to a model server in the form of OpenAI's Chat Completions. */
export type VendorMessage = {
  role: string
  content?: unknown
  tool_calls?: { id: string; function: { name: string; arguments: string } }[]
  tool_call_id?: string
}
export type VendorRequest = {
  body: { model: string; messages: VendorMessage[]; max_tokens?: number }
  headers: IncomingHttpHeaders
  /** Counts from 1. */
  number: number
}

/** A reply, a refusal, or a function of a test that writes the response. */
export type VendorAnswer =
  | {
      text?: string
      calls?: { name: string; arguments: object | string; id?: string }[]
      usage?: { prompt_tokens: number; completion_tokens: number }
      finish?: string
    }
  | { status: number; body?: string; headers?: Record<string, string> }
  | ((response: ServerResponse) => unknown)

/** Starts a model server on loopback that answers with a handler and records the requests. */
export async function startVendor(
  t: Pick<TestContext, 'after'>,
  answer: (request: VendorRequest) => VendorAnswer | Promise<VendorAnswer>,
) {
  const requests: VendorRequest[] = []
  const server = createServer(async (incoming, response) => {
    // A synchronization requests the list of models; this vendor has none.
    if (incoming.method !== 'POST') return void response.writeHead(404).end()
    const sent = await readText(incoming).catch(() => undefined)
    // A request that was aborted while it was sent does not count.
    if (sent === undefined) return
    const request = {
      body: JSON.parse(sent),
      headers: incoming.headers,
      number: requests.length + 1,
    }
    requests.push(request)
    await send(response, await answer(request))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(async () => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/v1`, requests }
}

export type Vendor = Awaited<ReturnType<typeof startVendor>>

async function send(response: ServerResponse, answer: VendorAnswer) {
  if (typeof answer === 'function') return answer(response)
  if ('status' in answer) {
    const { status, body = '{}', headers = {} } = answer
    return response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body)
  }
  const { text, calls = [], usage, finish = calls.length > 0 ? 'tool_calls' : 'stop' } = answer
  beginStream(response)
  if (text !== undefined) sendDelta(response, { content: text })
  for (const [index, { name, arguments: input, id = `call_${index}` }] of calls.entries()) {
    const given = typeof input === 'string' ? input : JSON.stringify(input)
    const call = { index, id, type: 'function', function: { name, arguments: given } }
    sendDelta(response, { tool_calls: [call] })
  }
  sendDelta(response, {}, finish)
  if (usage) sendChunk(response, { choices: [], usage: { ...usage, total_tokens: 0 } })
  return response.end('data: [DONE]\n\n')
}

export function beginStream(response: ServerResponse) {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
}

export function sendDelta(response: ServerResponse, delta: object, finish: string | null = null) {
  sendChunk(response, { choices: [{ index: 0, delta, finish_reason: finish }] })
}

function sendChunk(response: ServerResponse, chunk: object) {
  const about = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 0, model: 'm' }
  response.write(`data: ${JSON.stringify({ ...about, ...chunk })}\n\n`)
}

/** Adds a model of that server as the organization's default. */
export async function addVendorModel(
  { call }: { call: Call },
  { url }: Pick<Vendor, 'url'>,
  model_id = 'a-model',
): Promise<Model> {
  const provider = await call('POST', '/v1/llm-providers', {
    name: 'Vendor',
    provider_type: 'openai_completions',
    base_url: url,
    api_key: 'sk-secret-of-a-vendor',
  })
  assert.equal(provider.status, 201, JSON.stringify(provider.body))
  const model = await call('POST', `/v1/llm-providers/${provider.body.id}/models`, {
    model_id,
    display_name: model_id,
    is_default: true,
  })
  assert.equal(model.status, 201, JSON.stringify(model.body))
  return model.body
}
