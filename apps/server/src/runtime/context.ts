import type { LanguageModelV4Message, LanguageModelV4Prompt } from '@ai-sdk/provider'
import type { Controls, EventMessage } from '@outlast/contract'
import type { Entry } from '../store/events.ts'

type ToolMessage = Extract<LanguageModelV4Message, { role: 'tool' }>
type AssistantMessage = Extract<LanguageModelV4Message, { role: 'assistant' }>
type UserMessage = Extract<LanguageModelV4Message, { role: 'user' }>
type ResultPart = Extract<EventMessage['content'][number], { type: 'tool_result' }>

/** What the newest message asks for. */
export function newestControls(entries: readonly Entry[]): Controls {
  return entries.findLast(({ message }) => message.role === 'user')?.message.controls ?? {}
}

/**
 * The conversation as a model gets it.
 * Contract: every call has its result directly after it; a call without one gets one that says so, since vendors
 * refuse a call without.
 */
export function promptOf(system: string, entries: readonly Entry[]): LanguageModelV4Prompt {
  const prompt: LanguageModelV4Prompt = system === '' ? [] : [{ role: 'system', content: system }]
  for (const [index, { message }] of entries.entries()) {
    const known = rendered.get(message)
    if (known) prompt.push(...known)
    else if (message.role === 'user') prompt.push(...remembered(message, [userMessage(message)]))
    else if (message.role === 'agent') prompt.push(...agentMessages(message, entries, index))
  }
  return prompt
}

/** What never changes any more: a long conversation is put together again for every call. */
const rendered = new WeakMap<EventMessage, LanguageModelV4Message[]>()

function remembered(message: EventMessage, messages: LanguageModelV4Message[]) {
  rendered.set(message, messages)
  return messages
}

/** The results of the calls of the message at `index`: they stand directly after it. */
function resultsAfter(entries: readonly Entry[], index: number): Map<string, ResultPart> {
  const results = new Map<string, ResultPart>()
  for (let at = index + 1; entries[at]?.message.role === 'tool_result'; at += 1) {
    for (const part of entries[at]!.message.content) {
      if (part.type === 'tool_result') results.set(part.tool_call_id, part)
    }
  }
  return results
}

function userMessage(message: EventMessage): UserMessage {
  const content: UserMessage['content'] = []
  for (const part of message.content) {
    if (part.type === 'text') content.push({ type: 'text', text: part.text })
    if (part.type === 'image') content.push(...imagePart(part))
  }
  return { role: 'user', content: content.length > 0 ? content : [{ type: 'text', text: '' }] }
}

type ImagePart = Extract<EventMessage['content'][number], { type: 'image' }>

function imagePart({ base64, url, media_type }: ImagePart): UserMessage['content'] {
  const mediaType = media_type ?? 'image/*'
  if (base64) return [{ type: 'file', mediaType, data: { type: 'data', data: base64 } }]
  if (url && URL.canParse(url)) {
    return [{ type: 'file', mediaType, data: { type: 'url', url: new URL(url) } }]
  }
  return []
}

function agentMessages(message: EventMessage, entries: readonly Entry[], index: number) {
  const results = resultsAfter(entries, index)
  const content: AssistantMessage['content'] = []
  const answers: ToolMessage['content'] = []
  for (const part of message.content) {
    if (part.type === 'text' && part.text !== '') content.push({ type: 'text', text: part.text })
    if (part.type !== 'tool_call') continue
    const { id: toolCallId, name: toolName, arguments: input } = part
    content.push({ type: 'tool-call', toolCallId, toolName, input })
    const output = outputOf(results.get(toolCallId))
    answers.push({ type: 'tool-result', toolCallId, toolName, output })
  }
  const messages: LanguageModelV4Message[] = []
  if (content.length > 0) messages.push({ role: 'assistant', content })
  if (answers.length > 0) messages.push({ role: 'tool', content: answers })
  return results.size === answers.length ? remembered(message, messages) : messages
}

const withoutResult = 'The call was interrupted; whether it had an effect is unknown.'

type Output = Extract<ToolMessage['content'][number], { type: 'tool-result' }>['output']

function outputOf(part: ResultPart | undefined): Output {
  if (!part) return { type: 'error-text', value: withoutResult }
  if (part.error) return { type: 'error-text', value: part.error }
  const { result } = part
  return {
    type: 'text',
    value: typeof result === 'string' ? result : JSON.stringify(result ?? null),
  }
}
