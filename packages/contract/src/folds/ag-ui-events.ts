/** Events and messages of AG-UI, as far as the fold sends them. */
import type { Question, QuestionSet } from '../messages/question.ts'

export type AgUiToolCall = {
  id: string
  type: 'function'
  function: { name: string; arguments: string }
}

export type AgUiMessage =
  | { id: string; role: 'user'; content: string | AgUiPart[] }
  | { id: string; role: 'assistant'; content?: string; toolCalls?: AgUiToolCall[] }
  | { id: string; role: 'tool'; toolCallId: string; content: string }
  | { id: string; role: 'system' | 'developer' | 'reasoning'; content: string }

export type AgUiPart =
  | { type: 'text'; text: string }
  | {
      type: 'image' | 'document'
      source: { type: 'url' | 'data'; value: string; mimeType?: string }
      metadata?: { filename: string }
    }

/** An answer that a run waits for. */
export type AgUiInterrupt = {
  id: string
  reason: string
  message: string
  toolCallId?: string
  responseSchema?: object
  expiresAt?: string
}

export type AgUiOutcome =
  | { type: 'success'; pendingToolCallIds?: string[] }
  | { type: 'interrupt'; interrupts: AgUiInterrupt[] }
  | { type: 'cancelled' }

type AgUiUsage = {
  inputTokens: number
  outputTokens: number
  totalTokens: number
  cachedInputTokens?: number
  cacheWriteInputTokens?: number
}

type Run = { threadId: string; runId: string }

export type AgUiEvent =
  | ({ type: 'RUN_STARTED'; parentRunId?: string; protocolVersion?: string } & Run)
  | ({ type: 'RUN_FINISHED'; outcome?: AgUiOutcome; result?: unknown; usage?: AgUiUsage[] } & Run)
  | { type: 'RUN_ERROR'; message: string; code: string; usage?: AgUiUsage[] }
  | { type: 'STEP_STARTED' | 'STEP_FINISHED'; stepName: string }
  | { type: 'TEXT_MESSAGE_START'; messageId: string; role: 'assistant' }
  | { type: 'REASONING_MESSAGE_START'; messageId: string; role: 'reasoning' }
  | { type: 'TEXT_MESSAGE_CONTENT' | 'REASONING_MESSAGE_CONTENT'; messageId: string; delta: string }
  | { type: 'TEXT_MESSAGE_END' | 'REASONING_MESSAGE_END'; messageId: string }
  | { type: 'REASONING_START' | 'REASONING_END'; messageId: string }
  | {
      type: 'TOOL_CALL_START'
      toolCallId: string
      toolCallName: string
      parentMessageId: string
    }
  | { type: 'TOOL_CALL_ARGS'; toolCallId: string; delta: string }
  | { type: 'TOOL_CALL_END'; toolCallId: string }
  | {
      type: 'TOOL_CALL_RESULT'
      messageId: string
      toolCallId: string
      content: string
      role: 'tool'
    }
  | { type: 'MESSAGES_SNAPSHOT'; messages: readonly AgUiMessage[] }
  | { type: 'CUSTOM'; name: string; value: unknown }

type TokenCounts = {
  input_tokens: number
  output_tokens: number
  cache_read_tokens?: number
  cache_creation_tokens?: number
}

export const agUiUsage = (usage: TokenCounts | undefined): { usage?: AgUiUsage[] } => {
  if (!usage) return {}
  const { input_tokens, output_tokens, cache_read_tokens, cache_creation_tokens } = usage
  const tokens = {
    inputTokens: input_tokens,
    outputTokens: output_tokens,
    totalTokens: input_tokens + output_tokens,
    ...(cache_read_tokens !== undefined && { cachedInputTokens: cache_read_tokens }),
    ...(cache_creation_tokens !== undefined && { cacheWriteInputTokens: cache_creation_tokens }),
  }
  return { usage: [tokens] }
}

const approvalSchema = {
  type: 'object',
  properties: {
    approved: { type: 'boolean', description: 'True runs the call.' },
    editedArgs: { type: 'object', description: 'Arguments that replace all of the call.' },
    reason: { type: 'string', description: 'Reason of a refusal, for the model.' },
  },
  required: ['approved'],
}

export const approvalInterrupt = (call: { id: string; name: string }, expiresAt: string) => ({
  id: call.id,
  reason: 'tool_call',
  message: `Approve the call of ${call.name}?`,
  toolCallId: call.id,
  responseSchema: approvalSchema,
  expiresAt,
})

/** The interrupt of a call that asks questions. Its answer has one property for each of them. */
export function questionInterrupt(callId: string, { questions, expires_at }: QuestionSet) {
  const fields = questions.map((question) => [question.id, fieldOf(question)])
  return {
    id: callId,
    reason: 'input_required',
    message: questions.map(({ question }) => question).join('\n'),
    toolCallId: callId,
    responseSchema: {
      type: 'object',
      properties: Object.fromEntries(fields),
      required: questions.map(({ id }) => id),
    },
    expiresAt: expires_at,
  }
}

const valueTypes = { text: 'string', number: 'number', boolean: 'boolean' } as const

function fieldOf(question: Question) {
  const { kind, header, question: description, options = [] } = question
  const about = { ...(header && { title: header }), description }
  if (kind === 'secret') return { type: 'string', format: 'password', ...about }
  if (kind !== 'choice') return { type: valueTypes[kind], ...about }
  const labels = options.map(({ label }) => label)
  const isOpen = question.allow_other !== false
  const choice = { type: 'string', ...(isOpen ? { examples: labels } : { enum: labels }) }
  return question.multi_select
    ? { type: 'array', items: choice, ...about }
    : { ...choice, ...about }
}
