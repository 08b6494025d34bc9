import type { EventMessage, TokenUsage, ToolCall, WrittenSpan } from '@outlast/contract'
import type { VendorMetadata } from '../../providers/provider.ts'

/** Part of a reply in order: UTF-16 units of thinking or text, or the next tool call. */
export type ReplyPart = {
  type: 'reasoning' | 'text' | 'call'
  length: number
  /** Metadata that the vendor requires with the part in later calls. */
  metadata?: VendorMetadata | undefined
}

/** The reply of a model, complete or partial. */
export type ModelReply = {
  text: string
  thinking: string
  toolCalls: ToolCall[]
  /** Received text of calls that are not complete, by their ids, and of an answer held back. */
  unfinished: Map<string, string>
  parts: ReplyPart[]
  /** What was received, in order. */
  spans: WrittenSpan[]
  usage: TokenUsage | undefined
  finishReason: string | undefined
  responseId: string | undefined
  firstTokenMs: number | undefined
  durationMs: number
}

export const emptyReply = (): ModelReply => ({
  text: '',
  thinking: '',
  toolCalls: [],
  unfinished: new Map(),
  parts: [],
  spans: [],
  usage: undefined,
  finishReason: undefined,
  responseId: undefined,
  firstTokenMs: undefined,
  durationMs: 0,
})

/** A reply with its first tool call only. The model can request the others after its result. */
export function withOneCall(reply: ModelReply): ModelReply {
  const first = reply.parts.findIndex(({ type }) => type === 'call')
  return {
    ...reply,
    toolCalls: reply.toolCalls.slice(0, 1),
    parts: reply.parts.filter(({ type }, index) => type !== 'call' || index === first),
  }
}

export type ReplyAbout = {
  id: string
  model: string
  effort?: string | undefined
  signature?: string | undefined
  /** Time of the message, in ms since 1970. */
  now: number
}

/** Converts a reply to a message of the conversation. */
export function agentMessage(
  { text, thinking, toolCalls }: Pick<ModelReply, 'text' | 'thinking' | 'toolCalls'>,
  { id, model, effort, signature, now }: ReplyAbout,
): EventMessage {
  return {
    id,
    role: 'agent',
    content: [
      ...(text === '' ? [] : [{ type: 'text' as const, text: text.toWellFormed() }]),
      ...toolCalls.map((call) => ({ type: 'tool_call' as const, ...call })),
    ],
    created_at: new Date(now).toISOString(),
    metadata: { model, ...(effort && { reasoning_effort: effort }) },
    ...(thinking !== '' && { thinking: thinking.toWellFormed() }),
    ...(signature && { thinking_signature: signature }),
  }
}
