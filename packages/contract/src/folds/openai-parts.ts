/** The parts of a response in the Responses API of OpenAI: chunks, items, and the object itself. */

import type { TokenUsage } from '../core/usage.ts'
import type { QuestionSet } from '../messages/question.ts'

/** An event of the stream of a response. */
export type ResponseChunk = { type: string; sequence_number: number; [name: string]: unknown }

/** An item of the output. `type` selects its shape. */
export type ResponseItem = { id: string; type: string; [name: string]: unknown }

/** The request of a response, stored with the message of its turn. */
export type ResponseRequest = {
  model: string
  previous_response_id?: string | null
  conversation?: string | null
  background?: boolean
  store?: boolean
  metadata?: Record<string, string>
  instructions?: string | null
  tools?: readonly unknown[]
  text?: unknown
  reasoning?: { effort?: string | null; summary?: string | null }
  max_output_tokens?: number | null
}

export type ResponseFacts = {
  id: string
  sessionId: string
  /** Identifies the turn in ids of calls and approvals, so that an answer finds it. */
  place: string
  request: ResponseRequest
}

export type ResponseStatus =
  | 'queued'
  | 'in_progress'
  | 'completed'
  | 'failed'
  | 'cancelled'
  | 'incomplete'

/** Something outside that the turn waits for. */
export type ResponseWait = { type: string; [name: string]: unknown }

export type ResponseEnd = {
  status: ResponseStatus
  error?: { code: string; message: string }
  incomplete?: string
}

export const textPart = (text: string) => ({
  type: 'output_text',
  text,
  annotations: [],
  logprobs: [],
})

export const messageItem = (id: string, status: string, text?: string): ResponseItem => ({
  id,
  type: 'message',
  role: 'assistant',
  status,
  content: text === undefined ? [] : [textPart(text)],
})

export const reasoningItem = (id: string, text: string): ResponseItem => ({
  id,
  type: 'reasoning',
  summary: text === '' ? [] : [{ type: 'summary_text', text }],
})

type Call = { id: string; name: string; arguments: unknown }

const argumentsOf = (call: Call) => JSON.stringify(call.arguments)

export const wireCallId = (place: string, callId: string) => `call_${place}_${callId}`

export const functionCallItem = (place: string, call: Call): ResponseItem => ({
  id: `fc_${place}_${call.id}`,
  type: 'function_call',
  call_id: wireCallId(place, call.id),
  name: call.name,
  arguments: argumentsOf(call),
  status: 'completed',
})

export const serverLabel = 'outlast'

export const approvalId = (place: string, callId: string) => `mcpr_${place}_${callId}`

/** The waits that are not for one of the calls. */
export function waitsOfOthers(
  waits: readonly ResponseWait[],
  place: string,
  calls: readonly string[],
) {
  const ids = calls.flatMap((id): unknown[] => [wireCallId(place, id), approvalId(place, id)])
  return waits.filter(({ call_id, approval_request_id: id = call_id }) => !ids.includes(id))
}

export const approvalItem = (place: string, call: Call): ResponseItem => ({
  id: approvalId(place, call.id),
  type: 'mcp_approval_request',
  server_label: serverLabel,
  name: call.name,
  arguments: argumentsOf(call),
})

export const toolItem = (place: string, call: Call): ResponseItem => ({
  id: `mcp_${place}_${call.id}`,
  type: 'mcp_call',
  server_label: serverLabel,
  name: call.name,
  arguments: argumentsOf(call),
  approval_request_id: null,
  status: 'in_progress',
  output: null,
  error: null,
})

/** Questions as text for a chat: each with its options. */
export function questionText({ questions }: QuestionSet): string {
  return questions
    .map(({ question, options = [] }) =>
      [question, ...options.map(({ label, description }) => optionLine(label, description))].join(
        '\n',
      ),
    )
    .join('\n\n')
}

const optionLine = (label: string, description: string | undefined) =>
  description === undefined ? `- ${label}` : `- ${label}: ${description}`

function responseUsage(usage: TokenUsage) {
  const { input_tokens, output_tokens, cache_read_tokens = 0 } = usage
  return {
    input_tokens,
    input_tokens_details: { cached_tokens: cache_read_tokens, cache_write_tokens: 0 },
    output_tokens,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: input_tokens + output_tokens,
  }
}

export type ResponseParts = {
  facts: ResponseFacts
  createdAt: number
  completedAt: number | null
  end: ResponseEnd
  output: readonly ResponseItem[]
  usage: TokenUsage | undefined
  waits: readonly ResponseWait[]
}

const fixed = {
  object: 'response',
  max_tool_calls: null,
  parallel_tool_calls: true,
  prompt_cache_key: null,
  safety_identifier: null,
  service_tier: 'default',
  temperature: null,
  tool_choice: 'auto',
  top_logprobs: 0,
  top_p: null,
  truncation: 'disabled',
  user: null,
}

/** The response object. Its `outlast` is ours: clients of OpenAI ignore it. */
export function responseObject({ facts, createdAt, end, ...parts }: ResponseParts) {
  const { id, sessionId, request } = facts
  const { output, usage, waits, completedAt } = parts
  const { conversation = null, reasoning = {} } = request
  return {
    id,
    ...fixed,
    created_at: createdAt,
    completed_at: completedAt,
    status: end.status,
    // Without `type`, `@ai-sdk/openai` takes the response for invalid JSON.
    error: end.error ? { type: 'server_error', ...end.error } : null,
    incomplete_details: end.incomplete === undefined ? null : { reason: end.incomplete },
    background: request.background ?? false,
    conversation: conversation === null ? null : { id: conversation },
    instructions: request.instructions ?? null,
    max_output_tokens: request.max_output_tokens ?? null,
    metadata: request.metadata ?? {},
    model: request.model,
    previous_response_id: request.previous_response_id ?? null,
    reasoning: { effort: reasoning.effort ?? null, summary: reasoning.summary ?? null },
    store: request.store ?? true,
    text: request.text ?? { format: { type: 'text' } },
    tools: request.tools ?? [],
    output,
    usage: usage === undefined ? null : responseUsage(usage),
    outlast: { session_id: sessionId, waiting_for: waits },
  }
}
export type ResponseObject = ReturnType<typeof responseObject>

/** Adds the usage of two model calls. */
export function sumOf(
  a: TokenUsage | undefined,
  b: TokenUsage | undefined,
): TokenUsage | undefined {
  if (!a || !b) return a ?? b
  return {
    input_tokens: a.input_tokens + b.input_tokens,
    output_tokens: a.output_tokens + b.output_tokens,
    cache_read_tokens: (a.cache_read_tokens ?? 0) + (b.cache_read_tokens ?? 0),
  }
}
