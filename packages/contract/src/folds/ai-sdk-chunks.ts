/** The parts of the AI SDK's UI message stream that a fold produces. */

import type { ContentPart } from '../messages/message.ts'

/** What a message says about its turn. */
export type TurnMetadata = {
  turn_id: string
  created_at: string
  status: 'running' | 'waiting' | 'completed' | 'failed' | 'cancelled'
  /** `sequence` of the last event in the message; 0 while more follow. */
  sequence: number
  usage?: unknown
  output?: unknown
  error?: string
  error_code?: string
}

/** Parts of the metadata, which a client merges. */
export type Metadata = Partial<TurnMetadata>

type ToolOf = { toolCallId: string; providerExecuted?: boolean }
type Named = ToolOf & { toolName: string; dynamic?: boolean }

export type DataChunk = { type: `data-${string}`; id?: string; data: object; transient?: boolean }

export type UIChunk =
  | { type: 'start'; messageId: string; messageMetadata: Metadata }
  | { type: 'start-step' | 'finish-step' | 'reset-step' }
  | { type: 'text-start' | 'text-end' | 'reasoning-start' | 'reasoning-end'; id: string }
  | { type: 'text-delta' | 'reasoning-delta'; id: string; delta: string }
  | ({ type: 'tool-input-start' } & Named)
  | { type: 'tool-input-delta'; toolCallId: string; inputTextDelta: string }
  | ({ type: 'tool-input-available'; input: unknown } & Named)
  | { type: 'tool-approval-request'; approvalId: string; toolCallId: string }
  | { type: 'tool-approval-response'; approvalId: string; approved: boolean; reason?: string }
  | ({ type: 'tool-output-available'; output: unknown } & ToolOf)
  | ({ type: 'tool-output-error'; errorText: string } & ToolOf)
  | { type: 'tool-output-denied'; toolCallId: string }
  | { type: 'message-metadata'; messageMetadata: Metadata }
  | {
      type: 'finish'
      finishReason: 'stop' | 'length' | 'content-filter' | 'tool-calls' | 'error' | 'other'
      messageMetadata: Metadata
    }
  | { type: 'abort'; reason?: string }
  | { type: 'error'; errorText: string; interrupted?: true }
  | DataChunk

/** Chunk types that version 6 of the AI SDK refuses. */
const notIn6 = new Set(['reset-step', 'tool-approval-response', 'tool-input-delta'])

export type AiSdkVersion = 6 | 7

export const isKnownTo = (version: AiSdkVersion, { type }: UIChunk) =>
  version === 7 || !notIn6.has(type)

/** The result of a tool: the JSON of its only text, else its parts. */
export function outputOf(result: readonly ContentPart[]): unknown {
  const [first, ...rest] = result
  if (first?.type !== 'text' || rest.length > 0) return result
  try {
    return JSON.parse(first.text) as unknown
  } catch {
    return first.text
  }
}
