import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import type {
  APICallError,
  LanguageModelV4Prompt,
  LanguageModelV4StreamPart,
} from '@ai-sdk/provider'
import { simulated } from '../../apps/server/src/providers/simulated.ts'
import { pricedModel } from '../currencies.ts'
import type { Client } from './client.ts'

type Message = { role: string; content?: string | { text: string }[]; tool_calls?: object[] }
type Request = { messages: Message[]; tools?: object[] }

/**
 * Serves a model with Chat Completions on loopback. It plays the scripts of messages as simulated
 * models do.
 */
export async function startModelServer(): Promise<{ url: string; close: () => void }> {
  const attempts = new Map<string, number>()
  const server = createServer(async (incoming, response) => {
    const request = (await json(incoming).catch(() => undefined)) as Request | undefined
    if (!request) return void response.writeHead(404).end()
    const about = JSON.stringify(request.messages.at(-1))
    const attempt = (attempts.get(about) ?? 0) + 1
    attempts.set(about, attempt)
    await answer(request, attempt, response).catch((error: APICallError) => {
      const { statusCode, message } = error
      if (statusCode === undefined || response.headersSent) return response.destroy()
      return response.writeHead(statusCode).end(JSON.stringify({ error: { message } }))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/v1`,
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}

async function answer({ messages, tools }: Request, attempt: number, response: ServerResponse) {
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  const model = await simulated.model({ apiKey: undefined, baseUrl: undefined }, 'llmsim-default')
  // Only the summary of a long conversation has no tools.
  const purpose = tools ? 'reply' : 'summary'
  const { stream } = await model.doStream({
    prompt: messages.map(promptMessage) as LanguageModelV4Prompt,
    providerOptions: { llmsim: { attempt, scripts: true, purpose } },
    abortSignal: gone.signal,
  })
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  let calls = 0
  for await (const part of stream) {
    const chunk = chunkOf(part, calls)
    if (part.type === 'tool-call') calls += 1
    if (chunk) response.write(`data: ${JSON.stringify({ id: 'c', created: 0, ...chunk })}\n\n`)
  }
  response.end('data: [DONE]\n\n')
}

/** Simulated models read the role and the text of a message. */
function promptMessage({ role, content = '', tool_calls = [] }: Message) {
  const texts = typeof content === 'string' ? [{ text: content }] : (content ?? [])
  if (role === 'system') return { role, content: texts.map(({ text }) => text).join('\n') }
  const parts = [...texts, ...tool_calls.map((call) => ({ text: JSON.stringify(call) }))]
  return { role, content: parts.map(({ text }) => ({ type: 'text', text })) }
}

function chunkOf(part: LanguageModelV4StreamPart, index: number): object | undefined {
  const choice = (delta: object, finish_reason: string | null = null) => ({
    choices: [{ index: 0, delta, finish_reason }],
  })
  if (part.type === 'text-delta') return choice({ content: part.delta })
  if (part.type === 'reasoning-delta') return choice({ reasoning_content: part.delta })
  if (part.type === 'tool-call') {
    const { toolCallId: id, toolName: name, input } = part
    return choice({
      tool_calls: [{ index, id, type: 'function', function: { name, arguments: input } }],
    })
  }
  if (part.type !== 'finish') return undefined
  const { inputTokens, outputTokens } = part.usage
  const usage = { prompt_tokens: inputTokens.total, completion_tokens: outputTokens.total }
  const isCall = part.finishReason.unified === 'tool-calls'
  return { ...choice({}, isCall ? 'tool_calls' : 'stop'), usage }
}

/** Adds the model of a server. Contract: throws if the catalogue has other prices. */
export async function addPricedModel(client: Client, url: string): Promise<string> {
  const provider = { name: 'Chaos', provider_type: 'openai_completions', base_url: url }
  const path = '/v1/llm-providers'
  const made = await client.insist({ method: 'POST', path, body: provider, key: 'provider' })
  const { name: model_id, input, output } = pricedModel
  const model = await client.insist({
    method: 'POST',
    path: `${path}/${made.body.id}/models`,
    body: { model_id, display_name: model_id },
    key: 'model',
  })
  const { id } = model.body
  const { body } = await client.insist({ method: 'GET', path: `/v1/llm-models/${id}` })
  const { cost } = body.profile
  if (cost.input !== input || cost.output !== output)
    throw new Error(`The catalogue has other prices of ${model_id}: ${JSON.stringify(cost)}`)
  return id
}
