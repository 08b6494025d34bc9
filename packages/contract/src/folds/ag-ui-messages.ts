/** Messages of a log in the forms of AG-UI and of TanStack AI. */
import type { ContentPart, Message } from '../messages/message.ts'
import type { AgUiMessage, AgUiPart, AgUiToolCall } from './ag-ui-events.ts'
import { base64Of, fileInText } from './text-file.ts'

export type { AgUiMessage } from './ag-ui-events.ts'

type Stored = Pick<Message, 'id' | 'role' | 'content'> & {
  metadata?: Record<string, unknown> | null
}

export const textIn = (content: readonly ContentPart[]) =>
  content.map((part) => (part.type === 'text' ? part.text : '')).join('')

export const toolCallsIn = (content: readonly ContentPart[]): AgUiToolCall[] =>
  content.flatMap((part) =>
    part.type === 'tool_call'
      ? [
          {
            id: part.id,
            type: 'function' as const,
            function: { name: part.name, arguments: JSON.stringify(part.arguments ?? {}) },
          },
        ]
      : [],
  )

export const resultMessageId = (callId: string) => `${callId}:result`

/** The assistant message of a reply; undefined if it has neither text nor calls. */
export function assistantMessage(id: string, content: readonly ContentPart[]) {
  const text = textIn(content)
  const toolCalls = toolCallsIn(content)
  if (text === '' && toolCalls.length === 0) return undefined
  return {
    id,
    role: 'assistant' as const,
    ...(text !== '' && { content: text }),
    ...(toolCalls.length > 0 && { toolCalls }),
  }
}

/** Text of the outcome of a call: its result as JSON text, or the reason of its failure. */
export function outcomeText(
  result: readonly ContentPart[] | null | undefined,
  error: string | null | undefined,
) {
  if (error != null) return error
  const texts = (result ?? []).flatMap((part) => (part.type === 'text' ? part.text : []))
  return texts.join('\n')
}

/** Text of a result as messages have it: text, or a list of parts. */
function resultText(result: unknown): string {
  if (typeof result === 'string') return result
  const isParts = Array.isArray(result) && result.every((part) => typeof part?.type === 'string')
  return isParts ? outcomeText(result, undefined) : JSON.stringify(result ?? '')
}

/** Messages of a session, as `GET …/messages` lists them. */
export function agUiMessages(stored: readonly Stored[]): AgUiMessage[] {
  return stored.flatMap(({ id, role, content, metadata }): AgUiMessage[] => {
    if (role === 'user')
      return [{ id: clientId(id, metadata), role, content: userContent(content) }]
    if (role === 'agent') return [assistantMessage(id, content) ?? []].flat()
    return content.flatMap((part) => {
      if (part.type !== 'tool_result') return []
      const { tool_call_id: toolCallId, result, error } = part
      const content = error ?? (result === undefined ? '' : resultText(result))
      return [{ id: resultMessageId(toolCallId), role: 'tool', toolCallId, content }]
    })
  })
}

const clientId = (id: string, metadata: Stored['metadata']) =>
  typeof metadata?.client_message_id === 'string' ? metadata.client_message_id : id

function userContent(content: readonly ContentPart[]): string | AgUiPart[] {
  const isPlain = (part: ContentPart) => part.type === 'text' && !fileInText(part.text)
  if (content.every(isPlain)) return textIn(content)
  return content.flatMap((part): AgUiPart[] => {
    if (part.type === 'text') return [partFromText(part.text)]
    if (part.type === 'image_file') return [{ type: 'text', text: part.filename ?? part.image_id }]
    if (part.type !== 'image') return []
    const mimeType = part.media_type ?? undefined
    const source = part.base64
      ? { type: 'data' as const, value: part.base64, mimeType: mimeType ?? 'image/png' }
      : { type: 'url' as const, value: part.url ?? '', ...(mimeType && { mimeType }) }
    return [{ type: 'image', source }]
  })
}

function partFromText(text: string): AgUiPart {
  const file = fileInText(text)
  if (!file) return { type: 'text', text }
  const { filename, mediaType: mimeType } = file
  const source = { type: 'data' as const, value: base64Of(file), mimeType }
  return { type: 'document', source, ...(filename && { metadata: { filename } }) }
}

/** A message of TanStack AI. Results of calls are parts of the message that made them. */
export type UiMessage = { id: string; role: 'user' | 'assistant'; parts: object[] }

export function uiMessages(messages: readonly AgUiMessage[]): UiMessage[] {
  const shown: UiMessage[] = []
  for (const message of messages) {
    if (message.role === 'tool') addResult(shown, message)
    else if (message.role === 'user' || message.role === 'assistant') shown.push(uiMessage(message))
  }
  return shown
}

function addResult(shown: readonly UiMessage[], message: AgUiMessage & { role: 'tool' }) {
  const { toolCallId, content } = message
  const isCaller = ({ parts }: UiMessage) =>
    parts.some((part) => 'id' in part && part.id === toolCallId)
  const result = { type: 'tool-result', toolCallId, content, state: 'complete' }
  shown.findLast(isCaller)?.parts.push(result)
}

function uiMessage(message: AgUiMessage & { role: 'user' | 'assistant' }): UiMessage {
  const { id, role, content } = message
  const texts =
    typeof content === 'string' ? [{ type: 'text', content }] : (content ?? []).map(uiPart)
  const calls = message.role === 'assistant' ? (message.toolCalls ?? []) : []
  const callParts = calls.map((call) => ({
    type: 'tool-call',
    id: call.id,
    name: call.function.name,
    arguments: call.function.arguments,
    state: 'input-complete',
  }))
  return { id, role, parts: [...texts, ...callParts] }
}

const uiPart = (part: AgUiPart) =>
  part.type === 'text' ? { type: 'text', content: part.text } : part
