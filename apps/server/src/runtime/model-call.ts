import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4StreamPart,
  LanguageModelV4Usage,
} from '@ai-sdk/provider'
import { APICallError } from '@ai-sdk/provider'
import type { TokenUsage, ToolCall } from '@outlast/contract'
import type { LiveKind } from '../store/bus.ts'
import { emptyReply, type Reply } from './reply.ts'

/** A model call that broke. `partial` is what had come by then. */
export class ModelCallError extends Error {
  override name = 'ModelCallError'
  readonly partial: Reply
  /** Asking again can help. */
  readonly passing: boolean
  /** What the vendor said about when to ask again. */
  readonly retryAfterMs: number | undefined

  constructor(cause: unknown, partial: Reply, secret?: string) {
    super(sentenceOf(cause, secret), { cause })
    this.partial = partial
    this.passing = !APICallError.isInstance(cause) || cause.isRetryable
    this.retryAfterMs = APICallError.isInstance(cause) ? retryAfter(cause) : undefined
  }
}

export type ModelCall = {
  options: Omit<LanguageModelV4CallOptions, 'abortSignal'>
  /** Ends the call from outside: cancelled, or the attempt is over. */
  signal: AbortSignal
  /** The vendor's key. Errors are told to everybody who reads the session, and some vendors repeat it in theirs. */
  secret?: string | undefined
  /** Longest silence. */
  timeoutMs: number
  /** Called with each piece of text as it arrives. */
  onText: (kind: LiveKind, text: string) => void
}

/**
 * Asks a model once and reads its stream to the end.
 * Contract: no retry; throws ModelCallError with what had come by then, also when `signal` aborts; the vendor's
 * connection is closed when it returns or throws.
 */
export async function callModel(model: LanguageModelV4, call: ModelCall): Promise<Reply> {
  const reply = emptyReply()
  const begun = performance.now()
  const silence = new AbortController()
  const timer = setTimeout(() => {
    silence.abort(new Error(`The model was silent for ${call.timeoutMs} ms.`))
  }, call.timeoutMs)
  const abortSignal = AbortSignal.any([call.signal, silence.signal])
  try {
    const { stream } = await model.doStream({ ...call.options, abortSignal })
    for await (const part of stream) {
      abortSignal.throwIfAborted()
      timer.refresh()
      read(reply, part, call.onText, begun)
    }
    if (reply.finishReason === undefined) throw new Error('The stream ended before the reply did.')
    return reply
  } catch (error) {
    throw new ModelCallError(abortSignal.aborted ? abortSignal.reason : error, reply, call.secret)
  } finally {
    clearTimeout(timer)
    reply.durationMs = Math.round(performance.now() - begun)
  }
}

function read(
  reply: Reply,
  part: LanguageModelV4StreamPart,
  onText: ModelCall['onText'],
  begun: number,
): void {
  switch (part.type) {
    case 'text-delta':
      reply.firstTokenMs ??= Math.round(performance.now() - begun)
      reply.text += part.delta
      onText('output.message.delta', part.delta)
      return
    case 'reasoning-delta':
      reply.firstTokenMs ??= Math.round(performance.now() - begun)
      reply.thinking += part.delta
      onText('reason.thinking.delta', part.delta)
      return
    case 'tool-call':
      reply.toolCalls.push({
        id: part.toolCallId,
        name: part.toolName,
        arguments: argumentsOf(part.input),
      })
      return
    case 'response-metadata':
      reply.responseId = part.id
      return
    case 'finish':
      reply.usage = usageOf(part.usage)
      reply.finishReason = part.finishReason.unified
      if (part.finishReason.unified === 'error') throw new Error('The model ended with an error.')
      return
    case 'error':
      throw part.error
    default:
      return
  }
}

/** Under this name stand arguments that were no JSON object, as the model wrote them. */
export const unreadableArguments = '_unreadable'

function argumentsOf(text: string): ToolCall['arguments'] {
  try {
    const value: unknown = JSON.parse(text === '' ? '{}' : text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as ToolCall['arguments']
    }
  } catch {}
  return { [unreadableArguments]: text }
}

function usageOf({ inputTokens, outputTokens }: LanguageModelV4Usage): TokenUsage {
  const { cacheRead, cacheWrite } = inputTokens
  return {
    input_tokens: inputTokens.total ?? 0,
    output_tokens: outputTokens.total ?? 0,
    ...(cacheRead && { cache_read_tokens: cacheRead }),
    ...(cacheWrite && { cache_creation_tokens: cacheWrite }),
  }
}

const sentenceMax = 2_000
/** A shorter key is no secret, and would be found in any text. */
const secretLengthMin = 8

function sentenceOf(error: unknown, secret = ''): string {
  const message = String(error instanceof Error ? error.message : JSON.stringify(error))
  const status = APICallError.isInstance(error) && error.statusCode ? ` (${error.statusCode})` : ''
  const told = secret.length < secretLengthMin ? message : message.replaceAll(secret, '[key]')
  return `${told}${status}`.slice(0, sentenceMax)
}

function retryAfter(error: APICallError): number | undefined {
  const header = error.responseHeaders?.['retry-after']
  if (header === undefined) return undefined
  const seconds = Number(header)
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - Date.now()
  return Number.isFinite(ms) && ms >= 0 ? ms : undefined
}
