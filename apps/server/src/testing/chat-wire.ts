/** OpenAI's Chat Completions, as a model server sees them. */
import type { ServerResponse } from 'node:http'
import { jsonOrText } from '../json.ts'

/** A message of a request. */
export type ModelMessage = {
  role: 'user' | 'assistant' | 'tool'
  /** Its text parts, joined. */
  text: string
  /** Calls of an assistant's message. */
  calls: { id: string; name: string; arguments: unknown }[]
  /** The call that a tool's message answers. */
  callId?: string
}

/** A request that a model received. */
export type ModelRequest = {
  model: string
  /** The system prompt. */
  system: string
  /** Messages without the system prompt. */
  messages: ModelMessage[]
  tools: { name: string; description: string; parameters: Record<string, unknown> }[]
  /** The whole body. */
  body: Record<string, unknown>
}

type WireContent = string | null | undefined | { type: string; text?: string }[]
type WireMessage = {
  role: string
  content?: WireContent
  tool_calls?: { id: string; function: { name: string; arguments: string } }[]
  tool_call_id?: string
}
type WireTool = { function: { name: string; description?: string; parameters?: object } }

export function parseRequest(text: string): ModelRequest {
  const body = JSON.parse(text) as Record<string, unknown>
  const all = (body.messages ?? []) as WireMessage[]
  const isSystem = ({ role }: WireMessage) => role === 'system' || role === 'developer'
  return {
    model: String(body.model),
    system: all
      .filter(isSystem)
      .map(({ content }) => textOfContent(content))
      .join('\n\n'),
    messages: all.filter((one) => !isSystem(one)).map(messageOf),
    tools: ((body.tools ?? []) as WireTool[]).map(({ function: { name, ...about } }) => ({
      name,
      description: about.description ?? '',
      parameters: (about.parameters ?? {}) as Record<string, unknown>,
    })),
    body,
  }
}

function messageOf({ role, content, tool_calls = [], tool_call_id }: WireMessage): ModelMessage {
  return {
    role: role as ModelMessage['role'],
    text: textOfContent(content),
    calls: tool_calls.map(({ id, function: { name, arguments: input } }) => ({
      id,
      name,
      arguments: jsonOrText(input),
    })),
    ...(tool_call_id !== undefined && { callId: tool_call_id }),
  }
}

const textOfContent = (content: WireContent) =>
  typeof content === 'string' ? content : (content ?? []).map(({ text = '' }) => text).join('')

/** The parts of a reply. */
export type ModelReply = {
  text?: string
  calls?: readonly { name: string; arguments?: unknown; id?: string }[]
  usage?: { inputTokens?: number; outputTokens?: number }
}

/** Streams a reply: its text word by word, then its calls. */
export function streamReply(response: ServerResponse, reply: ModelReply, ids: () => string): void {
  const { text = '', calls = [], usage = {} } = reply
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const chunk = (part: object) =>
    response.write(
      `data: ${JSON.stringify({ id: 'chatcmpl-test', object: 'chat.completion.chunk', created: 0, model: 'scripted', ...part })}\n\n`,
    )
  const delta = (part: object, finish_reason: string | null = null) =>
    chunk({ choices: [{ index: 0, delta: part, finish_reason }] })
  for (const word of text.match(/\s*\S+\s*$|\s*\S+/g) ?? (text === '' ? [] : [text])) {
    delta({ content: word })
  }
  for (const [index, { name, arguments: input = {}, id = ids() }] of calls.entries()) {
    const given = typeof input === 'string' ? input : JSON.stringify(input)
    delta({ tool_calls: [{ index, id, type: 'function', function: { name, arguments: given } }] })
  }
  delta({}, calls.length > 0 ? 'tool_calls' : 'stop')
  const { inputTokens = 10, outputTokens = 10 } = usage
  const tokens = { prompt_tokens: inputTokens, completion_tokens: outputTokens }
  chunk({ choices: [], usage: { ...tokens, total_tokens: inputTokens + outputTokens } })
  response.end('data: [DONE]\n\n')
}
