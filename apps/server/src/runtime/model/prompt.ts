import { createHash } from 'node:crypto'
import type { Controls, EventMessage } from '@outlast/contract'
import type { RuntimeAgent } from '../../capabilities/catalog/catalog.ts'
import type { ModelCallOptions, Prompt, PromptMessage } from '../../providers/provider.ts'
import { type ConversationEntry, imagesIn, textOfResult } from '../../store/log/conversation.ts'
import type { Turn } from '../journal/attempt.ts'
import type { ReplyPart } from './reply.ts'
import { type Signer, signedParts } from './signature.ts'

type ToolMessage = PromptMessage<'tool'>
type AssistantMessage = PromptMessage<'assistant'>
type UserMessage = PromptMessage<'user'>
type ResultPart = Extract<EventMessage['content'][number], { type: 'tool_result' }>
type CallPart = Extract<EventMessage['content'][number], { type: 'tool_call' }>

/**
 * The controls of the newest message. A limit of the output holds for the turn until a message
 * names another one.
 */
export function controlsOf({
  conversation: { entries },
  taken,
}: Pick<Turn, 'conversation' | 'taken'>): Controls {
  let newest: Controls | undefined
  let latest: number | null | undefined
  let limit: typeof latest
  for (let at = entries.length - 1; at >= 0; at -= 1) {
    const { message, isCorrection } = entries[at]!
    if (message.role !== 'user' || isCorrection) continue
    newest ??= message.controls ?? {}
    latest ||= message.controls?.max_output_tokens
    // A retried message is twice in the conversation: the turn begins at the first one.
    if (message.id === taken.turn_input) limit = latest
  }
  return { ...newest, ...(limit && { max_output_tokens: limit }) }
}

/** Converts an agent's tools to the form of the AI SDK. */
export function promptTools({ tools }: RuntimeAgent): NonNullable<ModelCallOptions['tools']> {
  return [...tools.values()].map(({ name, description, input }) => ({
    type: 'function',
    name,
    description,
    inputSchema: input as never,
  }))
}

/**
 * Builds the prompt of a conversation. Each system text is a message, so that a vendor can cache
 * the first one.
 * Contract: every call is followed by its result. A call without one gets a placeholder, since
 * vendors refuse it otherwise. Signed parts are replayed unchanged. Other thinking is only in
 * prompts for Chat Completions, which send it to servers that require it.
 */
export function promptOf(
  system: readonly string[],
  entries: readonly ConversationEntry[],
  signer: Signer,
): Prompt {
  const texts = system.filter(hasWords)
  const prompt: Prompt = texts.map((content) => ({ role: 'system', content }))
  const name = `${signer.provider_id} ${signer.model_id}`
  for (let index = 0; index < entries.length; index += 1) {
    const { message } = entries[index]!
    if (message.role !== 'user' && message.role !== 'agent') continue
    const results = resultsAfter(entries, index)
    let known = rendered.get(message)
    if (!known || !isStill(known, name, results)) {
      known = { signer: name, results, messages: messagesOf(message, signer, results) }
      rendered.set(message, known)
    }
    prompt.push(...known.messages)
  }
  return prompt
}

type Rendered = { signer: string; results: readonly EventMessage[]; messages: PromptMessage[] }

/** Cache: a conversation is rendered for every call, and most messages do not change. */
const rendered = new WeakMap<EventMessage, Rendered>()

const none: readonly EventMessage[] = []

/** The results of the calls of the message at `index`, which follow it directly. */
function resultsAfter(
  entries: readonly ConversationEntry[],
  index: number,
): readonly EventMessage[] {
  let end = index + 1
  while (entries[end]?.message.role === 'tool_result') end += 1
  if (end === index + 1) return none
  return entries.slice(index + 1, end).map(({ message }) => message)
}

function isStill(known: Rendered, signer: string, results: readonly EventMessage[]): boolean {
  const isSame = results.length === known.results.length
  return (
    isSame &&
    known.signer === signer &&
    results.every((message, at) => message === known.results[at])
  )
}

const messagesOf = (message: EventMessage, signer: Signer, results: readonly EventMessage[]) =>
  message.role === 'user' ? [userMessage(message)] : agentMessages(message, signer, results)

function userMessage(message: EventMessage): UserMessage {
  const content: UserMessage['content'] = []
  for (const part of message.content) {
    if (part.type === 'text' && hasWords(part.text)) content.push({ type: 'text', text: part.text })
    if (part.type === 'image') content.push(...imagePart(part))
    if (part.type === 'image_file') content.push(storedImagePart(part))
  }
  return { role: 'user', content: content.length > 0 ? content : [noWords] }
}

const noWords = { type: 'text' as const, text: '(empty message)' }

/** Vendors refuse a text without a visible character, and with it every later call. */
const hasWords = (text: string) => text.trim() !== ''

type ImagePart = Extract<EventMessage['content'][number], { type: 'image' }>

function imagePart({ base64, url, media_type }: ImagePart): UserMessage['content'] {
  const mediaType = media_type ?? 'image/*'
  if (base64) return [{ type: 'file', mediaType, data: { type: 'data', data: base64 } }]
  if (url && URL.canParse(url)) {
    return [{ type: 'file', mediaType, data: { type: 'url', url: new URL(url) } }]
  }
  return []
}

type ImageFilePart = Extract<EventMessage['content'][number], { type: 'image_file' }>

/** Key of an uploaded image in a reference. `promptWithImages` replaces it by the bytes. */
export const uploaded = 'outlast'

function storedImagePart({ image_id, filename }: ImageFilePart): UserMessage['content'][number] {
  return {
    type: 'file',
    mediaType: 'image/*',
    filename: filename ?? image_id,
    data: { type: 'reference', reference: { [uploaded]: image_id } },
  }
}

function agentMessages(message: EventMessage, signer: Signer, results: readonly EventMessage[]) {
  const parts = results.flatMap(({ content }) => content)
  const resultOf = (callId: string) =>
    parts.find((part) => part.type === 'tool_result' && part.tool_call_id === callId)
  const calls = message.content.filter((part) => part.type === 'tool_call')
  const idOf = vendorIds(signer)
  const answers: ToolMessage['content'] = calls.map(({ id, name }) => {
    const output = resultOutput(resultOf(id) as ResultPart | undefined)
    return { type: 'tool-result', toolCallId: idOf(id), toolName: vendorName(name), output }
  })
  const content = assistantContent(message, calls, signer)
  const messages: PromptMessage[] = []
  if (content.length > 0) messages.push({ role: 'assistant', content })
  if (answers.length > 0) messages.push({ role: 'tool', content: answers })
  return messages
}

function assistantContent(message: EventMessage, calls: CallPart[], signer: Signer) {
  const text = message.content.find((part) => part.type === 'text')?.text ?? ''
  // Servers that require thinking require some with each call.
  const thinking = message.thinking ?? (calls.length > 0 ? ' ' : '')
  const said = { text, thinking, calls }
  const isReturned = signer.provider_type === 'openai_completions'
  const unsigned: ReplyPart[] = [
    ...(isReturned ? [{ type: 'reasoning' as const, length: thinking.length }] : []),
    { type: 'text', length: text.length },
    ...calls.map(() => ({ type: 'call' as const, length: 0 })),
  ]
  const content = contentIn(said, signedParts(message, signer) ?? unsigned, vendorIds(signer))
  // Vendors refuse a message that ends with thinking: its answer was cut off.
  const last = content.findLastIndex(({ type }) => type !== 'reasoning')
  return content.slice(0, last + 1)
}

type ReplyContent = { text: string; thinking: string; calls: CallPart[] }

function contentIn(
  { text, thinking, calls }: ReplyContent,
  parts: readonly ReplyPart[],
  idOf: (id: string) => string,
) {
  const content: AssistantMessage['content'] = []
  const at = { text: 0, thinking: 0, call: 0 }
  for (const { type, length, metadata } of parts) {
    const own = metadata && { providerOptions: metadata }
    if (type === 'reasoning') {
      const thought = thinking.slice(at.thinking, at.thinking + length)
      at.thinking += length
      content.push({ type: 'reasoning', text: thought, ...own })
    } else if (type === 'text') {
      const words = text.slice(at.text, at.text + length)
      at.text += length
      if (hasWords(words) || own) content.push({ type: 'text', text: words, ...own })
    } else if (calls[at.call]) {
      const { id, name, arguments: input } = calls[at.call]!
      at.call += 1
      const call = { toolCallId: idOf(id), toolName: vendorName(name), input }
      content.push({ type: 'tool-call', ...call, ...own })
    }
  }
  return content
}

const nameLengthMax = 64

/** Makes a tool name valid for all vendors: models use names that vendors refuse in a prompt. */
function vendorName(name: string): string {
  return name.replace(/[^a-zA-Z0-9_-]/g, '_').slice(0, nameLengthMax) || 'unnamed'
}

const callId = /^[a-zA-Z0-9_-]{1,64}$/

/**
 * Makes ids of calls valid: a conversation may have those of another vendor. Servers of Chat
 * Completions get them unchanged, because some need their own form.
 */
const vendorIds =
  ({ provider_type }: Signer) =>
  (id: string): string =>
    provider_type === 'openai_completions' || callId.test(id)
      ? id
      : `call_${createHash('sha256').update(id).digest('hex').slice(0, 32)}`

const withoutResult = 'The call was interrupted. It is unknown whether it had an effect.'

type Output = Extract<ToolMessage['content'][number], { type: 'tool-result' }>['output']

function resultOutput(part: ResultPart | undefined): Output {
  if (!part) return { type: 'error-text', value: withoutResult }
  if (part.error) return { type: 'error-text', value: part.error }
  const { result } = part
  const images = imagesIn(result)
  if (images.length === 0) return { type: 'text', value: textOfResult(result) }
  const texts = (result as { type: string; text?: string }[])
    .flatMap(({ text }) => text ?? [])
    .filter(hasWords)
  return {
    type: 'content',
    value: [
      ...texts.map((text) => ({ type: 'text' as const, text })),
      ...images.flatMap(imagePart).filter((shown) => shown.type === 'file'),
    ],
  }
}
