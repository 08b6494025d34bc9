import type { LanguageModelV4Message, LanguageModelV4Prompt } from '@ai-sdk/provider'
import { jsonOrText } from '../../json.ts'

type Message<Role> = Extract<LanguageModelV4Message, { role: Role }>
type AssistantMessage = Message<'assistant'>

/** A tool call since the model's last final reply, with its outcome if there is one. */
export type PromptCall = { name: string; input: unknown; outcome: CallOutcome | undefined }
export type CallOutcome = { error: string } | { result: unknown }

/** The text of a user message; a file counts as `[file]`. */
export function userText(message: Message<'user'>): string {
  return message.content.map((part) => (part.type === 'text' ? part.text : '[file]')).join('\n')
}

/** The messages since the model's last final reply. Reads no more of the prompt. */
export function openExchange(prompt: LanguageModelV4Prompt): LanguageModelV4Prompt {
  const last = prompt.findLastIndex((message) => isExchangeEnd(message))
  return prompt.slice(last + 1)
}

const isExchangeEnd = (message: LanguageModelV4Message) =>
  message.role === 'system' || (message.role === 'assistant' && callPartsOf(message).length === 0)

const callPartsOf = (message: AssistantMessage) =>
  message.content.filter((part) => part.type === 'tool-call')

/** The texts of user messages since the model's last final reply. */
export function unansweredUserTexts(prompt: LanguageModelV4Prompt): string[] {
  return openExchange(prompt).flatMap((message) =>
    message.role === 'user' ? [userText(message)] : [],
  )
}

/** The tool calls since the model's last final reply, oldest first. */
export function openCalls(prompt: LanguageModelV4Prompt): PromptCall[] {
  const exchange = openExchange(prompt)
  const outcomes = new Map<string, CallOutcome>()
  for (const message of exchange) {
    if (message.role !== 'tool') continue
    for (const part of message.content) {
      if (part.type === 'tool-result') outcomes.set(part.toolCallId, outcomeOf(part.output))
    }
  }
  return exchange.flatMap((message) =>
    message.role !== 'assistant'
      ? []
      : callPartsOf(message).map(({ toolName, toolCallId, input }) => ({
          name: toolName,
          input,
          outcome: outcomes.get(toolCallId),
        })),
  )
}

type Output = Extract<Message<'tool'>['content'][number], { type: 'tool-result' }>['output']

function outcomeOf(output: Output): CallOutcome {
  switch (output.type) {
    case 'text':
      return outcomeOfValue(jsonOrText(output.value))
    case 'json':
      return outcomeOfValue(output.value)
    case 'error-text':
      return outcomeOfValue(jsonOrText(output.value), true)
    case 'error-json':
      return outcomeOfValue(output.value, true)
    case 'execution-denied':
      return { error: output.reason ?? 'not allowed' }
    case 'content': {
      const texts = output.value.map((part) => (part.type === 'text' ? part.text : '[file]'))
      return outcomeOfValue(jsonOrText(texts.join('\n')))
    }
  }
}

/** Reads a result. An object with an `error` text is an error in every form. */
function outcomeOfValue(value: unknown, failed = false): CallOutcome {
  const error = (value as { error?: unknown } | null)?.error
  if (typeof error === 'string') return { error }
  if (!failed) return { result: value }
  return { error: typeof value === 'string' ? value : JSON.stringify(value) }
}

/** The length of all parts of the prompt, in characters. */
export function promptLength(prompt: LanguageModelV4Prompt): number {
  let sum = 0
  for (const { content } of prompt) {
    if (typeof content === 'string') sum += content.length
    else for (const part of content) sum += partLength(part)
  }
  return sum
}

type Part = Exclude<LanguageModelV4Message['content'], string>[number]

function partLength(part: Part): number {
  if (part.type === 'text' || part.type === 'reasoning') return part.text.length
  if (part.type === 'tool-call') return JSON.stringify(part.input)?.length ?? 0
  if (part.type !== 'tool-result') return 0
  const { output } = part
  if (output.type === 'text' || output.type === 'error-text') return output.value.length
  return JSON.stringify(output)?.length ?? 0
}
