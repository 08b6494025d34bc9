import type {
  EventContext,
  EventMessage,
  GenerationMetadata,
  ModelMetadata,
  ModelProfile,
  OmittedImage,
  OutputError,
  TokenUsage,
  ToolCall,
} from '@outlast/contract'
import { checkOutput } from '../../capabilities/schemas/output.ts'
import { newId } from '../../ids.ts'
import { withCost } from '../../providers/cost.ts'
import { writtenOrder } from '../../store/bus/written-order.ts'
import type { ModelRoute } from '../../store/models/models.ts'
import { isStorable, storableText, textPreview } from '../../text.ts'
import type { Turn } from '../journal/attempt.ts'
import { contextOf, stepContext } from '../journal/contexts.ts'
import { draft, draftGeneration, nowOf } from '../journal/journal.ts'
import { contentText, type OpenReason } from '../log/state.ts'
import { agentMessage, type ModelReply } from './reply.ts'
import { type CallResult, takeUnlogged } from './retry.ts'
import { signatureOf } from './signature.ts'

/** The request of a model call, as needed to record its outcome. */
export type ModelRequest = {
  route: ModelRoute | undefined
  profile: ModelProfile | undefined
  effort: string | undefined
  open: OpenReason
  messageId: string
  metadata: ModelMetadata
  /** The context of all events of the call. */
  context: EventContext
  /** Images that the model receives as text. */
  omittedImages: OmittedImage[]
}

export type ModelCallOutcome = CallResult & {
  compaction: GenerationMetadata['compaction']
  /** Time of the step in ms, including retries. */
  durationMs: number
}

/** Drafts all events of a finished model call. */
export function recordResult(turn: Turn, asked: ModelRequest, outcome: ModelCallOutcome): void {
  const { messageId, metadata, context, effort, route } = asked
  const { reply: raw, failed } = outcome
  const toolCalls = failed ? [] : withNewIds(turn, raw.toolCalls)
  const usage = withCost(asked.profile, raw.usage)
  const reply = { ...raw, toolCalls, usage }
  if (reply.thinking !== '') {
    draft(turn, 'reason.thinking.completed', context, {
      turn_id: turn.run.turnId,
      thinking: reply.thinking.toWellFormed(),
    })
  }
  draftGeneration(turn, context, {
    output: { text: reply.text.toWellFormed(), tool_calls: toolCalls },
    metadata: generationMetadata(asked, reply, { ...outcome, dropped: takeUnlogged(turn) }),
  })
  const said = failed && reply.text === '' ? { ...reply, text: failed.failure.sentence } : reply
  const signature = failed || !route ? undefined : signatureOf(reply, route)
  const about = { id: messageId, model: metadata.model, effort, signature, now: nowOf(turn) }
  const message = agentMessage(said, about)
  const reason = failed ? undefined : finishReason(reply)
  const isCut = reason === 'length' || reason === 'content_filter'
  const errors = failed || toolCalls.length > 0 ? undefined : outputErrors(turn, message)
  draft(turn, 'output.message.completed', context, {
    message,
    metadata,
    ...(usage && { usage }),
    ...(isCut && { finish_reason: reason }),
    ...(errors && { output_errors: errors }),
    ...writtenOrder(reply.spans),
  })
  draft(turn, 'reason.completed', stepContext(contextOf(turn), asked.open), {
    success: !failed,
    has_tool_calls: toolCalls.length > 0,
    tool_call_count: toolCalls.length,
    ...(said.text !== '' && { text_preview: textPreview(said.text.toWellFormed()) }),
    ...(failed && { error: failed.failure.sentence, error_code: failed.failure.code }),
    duration_ms: outcome.durationMs,
    ...(usage && { usage }),
  })
  turn.effects.outcome = true
  if (said.text !== '') turn.effects.outputPreview = textPreview(storableText(said.text))
}

/** The violations of the turn's output schema in an answer; undefined for a valid one. */
function outputErrors({ output }: Turn, { content }: EventMessage): OutputError[] | undefined {
  const checked = output && checkOutput(output.schema, contentText(content) ?? '')
  return checked && 'errors' in checked ? checked.errors : undefined
}

type RecordedOutcome = ModelCallOutcome & { dropped: TokenUsage | undefined }

function generationMetadata(
  { metadata: { model }, route, omittedImages }: ModelRequest,
  reply: ModelReply,
  { failed, attempts, waitedMs, codes, dropped, compaction }: RecordedOutcome,
): GenerationMetadata {
  const { usage, firstTokenMs, responseId } = reply
  const retry = {
    attempts: attempts - 1,
    total_wait_ms: waitedMs,
    error_codes: codes,
    ...(dropped && { usage: dropped }),
  }
  return {
    model,
    success: !failed,
    ...(route && { provider: route.provider_type }),
    ...(usage && { usage }),
    duration_ms: reply.durationMs,
    ...(firstTokenMs !== undefined && { time_to_first_token_ms: firstTokenMs }),
    finish_reasons: [failed ? 'error' : finishReason(reply)],
    ...(responseId && { response_id: responseId }),
    ...(failed && { error: failed.detail, error_code: failed.failure.code }),
    ...((attempts > 1 || waitedMs > 0 || dropped) && { retry }),
    ...(compaction && { compaction }),
    ...(omittedImages.length > 0 && { omitted_images: omittedImages }),
  }
}

function finishReason({ toolCalls, finishReason }: ModelReply): string {
  if (finishReason === 'length') return 'length'
  if (toolCalls.length > 0) return 'tool_calls'
  return finishReason === 'content-filter' ? 'content_filter' : 'stop'
}

/** Replaces call ids that the session already has: ids are unique in a session. */
function withNewIds({ conversation: { entries } }: Turn, calls: ToolCall[]): ToolCall[] {
  if (calls.length === 0) return calls
  const known = new Set<string>()
  for (const { message } of entries) {
    for (const part of message.content) if (part.type === 'tool_call') known.add(part.id)
  }
  return calls.map((call) => {
    const isUsable = isStorable(call.id) && call.id !== '' && !known.has(call.id)
    const id = isUsable ? call.id : newId('exec').replace('exec', 'call')
    known.add(id)
    return { ...call, id }
  })
}
