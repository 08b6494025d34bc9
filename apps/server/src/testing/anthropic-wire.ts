/** Anthropic's Messages, as a model server sees them. */
import type { ModelMessage, ModelRequest } from './chat-wire.ts'

type Block = {
  type: string
  text?: string
  id?: string
  name?: string
  input?: unknown
  tool_use_id?: string
  content?: string | Block[]
}
type WireMessage = { role: 'user' | 'assistant'; content: string | Block[] }
type WireTool = { name: string; description?: string; input_schema?: object }

export function parseAnthropicRequest(text: string): ModelRequest {
  const body = JSON.parse(text) as Record<string, unknown>
  return {
    model: String(body.model),
    system: textOfBlocks(body.system as string | Block[] | undefined),
    messages: ((body.messages ?? []) as WireMessage[]).flatMap(messagesOf),
    tools: ((body.tools ?? []) as WireTool[]).map(({ name, description = '', input_schema }) => ({
      name,
      description,
      parameters: (input_schema ?? {}) as Record<string, unknown>,
    })),
    body,
  }
}

/** Results of tools are parts of a user's message. */
function messagesOf({ role, content }: WireMessage): ModelMessage[] {
  const blocks = typeof content === 'string' ? [{ type: 'text', text: content }] : content
  const results = blocks.filter(({ type }) => type === 'tool_result')
  const others = blocks.filter(({ type }) => type !== 'tool_result')
  const calls = others.filter(({ type }) => type === 'tool_use')
  const own = {
    role,
    text: textOfBlocks(others),
    calls: calls.map(({ id, name, input }) => ({ id: id!, name: name!, arguments: input })),
  }
  return [
    ...results.map((result) => ({
      role: 'tool' as const,
      text: textOfBlocks(result.content),
      calls: [],
      callId: result.tool_use_id!,
    })),
    ...(others.length > 0 ? [own] : []),
  ]
}

const textOfBlocks = (content: string | Block[] | undefined): string =>
  typeof content === 'string' ? content : (content ?? []).map(({ text = '' }) => text).join('')
