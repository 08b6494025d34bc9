import { isDeepStrictEqual } from 'node:util'
import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4FinishReason,
  LanguageModelV4StreamPart,
  LanguageModelV4ToolCall,
  LanguageModelV4Usage,
  SharedV4ProviderMetadata,
} from '@ai-sdk/provider'
import type { TokenUsage, ToolCall } from '@outlast/contract'
import { isJsonObject, wellFormedJson } from '../../json.ts'
import {
  errorMessage,
  type Failure,
  failureOf,
  KnownFailure,
  statusOf,
} from '../../providers/failure.ts'
import { heldPart } from '../../providers/final-answer.ts'
import type { LiveCall, LiveKind } from '../../store/bus/bus.ts'
import { addSpan } from '../../store/bus/written-order.ts'
import { emptyReply, type ModelReply, type ReplyPart } from './reply.ts'

/** A failed model call. `partial` is the reply up to the failure. */
export class ModelCallError extends Error {
  override name = 'ModelCallError'
  readonly partial: ModelReply
  readonly failure: Failure

  constructor(cause: unknown, partial: ModelReply, secret?: string) {
    super(modelFailureSentence(cause, secret), { cause })
    this.partial = partial
    this.failure = failureOf(cause)
  }
}

export type ModelCall = {
  options: Omit<LanguageModelV4CallOptions, 'abortSignal'>
  /** Aborts when the turn is cancelled or the attempt is over. */
  signal: AbortSignal
  /**
   * The vendor's key, which is removed from errors: some vendors repeat it, and all readers of the
   * session see them.
   */
  secret?: string | undefined
  /** Idle timeout and total timeout. */
  silenceMs: number
  timeoutMs: number
  /** Called when the vendor has sent the first part of the reply. */
  onBegun?: () => void
  /** Called with each delta of text, and of the arguments of a call. */
  onText?: (kind: LiveKind, text: string, call?: LiveCall) => void
}

/** Limit of a reply with thinking and tool calls, in UTF-16 units. */
const replyLengthMax = 4_000_000
/** Limit of the tool calls of a reply: all of them start at once. */
const toolCallsMax = 256

/**
 * Requests a completion once and reads its stream to the end.
 * Contract: no retry; throws ModelCallError with the partial reply, also when `signal` aborts; the
 * connection is closed when it returns or throws.
 */
export async function callModel(model: LanguageModelV4, call: ModelCall): Promise<ModelReply> {
  const reply = emptyReply()
  const begun = performance.now()
  const limits = limitsOf(call)
  const abortSignal = AbortSignal.any([call.signal, limits.signal])
  try {
    const { stream } = await model.doStream({ ...call.options, abortSignal })
    const read = createReader(reply, call.onText, begun)
    let hasBegun = false
    for await (const part of stream) {
      abortSignal.throwIfAborted()
      limits.heard()
      // The SDK itself makes the start of the stream.
      if (!hasBegun && part.type !== 'stream-start') {
        hasBegun = true
        call.onBegun?.()
      }
      noteUnfinished(reply, part)
      read(part)
    }
    checkWhole(reply)
    refuseCutCall(reply)
    return reply
  } catch (error) {
    const cause = abortSignal.aborted ? abortSignal.reason : unwrapped(error)
    throw new ModelCallError(cause, reply, call.secret)
  } finally {
    limits.end()
    reply.durationMs = Math.round(performance.now() - begun)
  }
}

/** The SDK wraps a failure of the body's beginning, with its status 200. */
const unwrapped = (error: unknown) =>
  error instanceof Error && error.cause instanceof KnownFailure ? error.cause : error

/** Two timeouts: an idle timeout, which is retryable, and a total timeout, which is not. */
function limitsOf({ silenceMs, timeoutMs }: ModelCall) {
  const controller = new AbortController()
  const stop = (message: string, passing: boolean) => () =>
    controller.abort(new KnownFailure('timeout', message, passing))
  const silence = setTimeout(stop(`The model sent nothing for ${silenceMs} ms.`, true), silenceMs)
  const whole = setTimeout(stop(`The reply took more than ${timeoutMs} ms.`, false), timeoutMs)
  return {
    signal: controller.signal,
    heard: () => silence.refresh(),
    end() {
      clearTimeout(silence)
      clearTimeout(whole)
    },
  }
}

function checkWhole({ finishReason, text, toolCalls }: ModelReply): void {
  if (finishReason === undefined) {
    throw new KnownFailure('broken_stream', 'The stream ended before the reply was complete.')
  }
  if (finishReason === 'error') {
    throw new KnownFailure('bad_response', 'The model stopped with an error.')
  }
  if (finishReason === 'content-filter' && text === '' && toolCalls.length === 0) {
    throw new KnownFailure('refused', 'The model ended without a reply: content-filter.')
  }
}

/** The last call of a reply that was cut off must not run without the arguments that it lacks. */
function refuseCutCall({ finishReason, toolCalls }: ModelReply): void {
  const last = toolCalls.at(-1)
  const isCut = finishReason === 'length' || finishReason === 'content-filter'
  if (!isCut || !last || Object.keys(last.arguments).length > 0) return
  last.arguments = { [unreadableArguments]: '' }
}

/** Notes the text of parts that are not complete, or that are held back, by their ids. */
function noteUnfinished({ unfinished }: ModelReply, part: LanguageModelV4StreamPart): void {
  const add = (id: string, text: string) => unfinished.set(id, (unfinished.get(id) ?? '') + text)
  if (part.type === 'tool-input-start') add(part.id, part.toolName)
  if (part.type === 'tool-input-delta') add(part.id, part.delta)
  if (part.type === 'tool-call') unfinished.delete(part.toolCallId)
  if (part.type === 'text-end') unfinished.delete(part.id)
  if (part.type !== 'raw') return
  const held = heldPart(part)
  if (held && 'delta' in held) add(held.id, held.delta)
}

type OnText = ModelCall['onText']
type Publish = NonNullable<OnText>

/** Characters that a part without any counts towards the limit of a reply. */
const partLength = 100

/** The parts of a reply by their type and id. `count` limits their number and their metadata. */
function createParts(reply: ModelReply, count: (added: number) => void) {
  const open = new Map<string, ReplyPart>()
  return (type: ReplyPart['type'], id: string, { providerMetadata }: Noted): ReplyPart => {
    const key = `${type} ${id}`
    const known = open.get(key)
    const part: ReplyPart = known ?? { type, length: 0 }
    if (!known) {
      count(partLength)
      open.set(key, part)
      reply.parts.push(part)
    }
    if (providerMetadata === undefined) return part
    for (const [vendor, fields] of Object.entries(providerMetadata)) {
      // Some vendors send the same fields with every delta.
      for (const [name, value] of Object.entries(fields)) {
        if (!isDeepStrictEqual(part.metadata?.[vendor]?.[name], value)) {
          count(JSON.stringify(value ?? null).length)
        }
      }
      part.metadata = { ...part.metadata, [vendor]: { ...part.metadata?.[vendor], ...fields } }
    }
    return part
  }
}

/** Throws once the sum of the lengths exceeds the limit of a reply. */
function createCount() {
  let length = 0
  return (added: number) => {
    length += added
    if (length <= replyLengthMax) return
    const message = `The reply is longer than ${replyLengthMax} characters.`
    throw new KnownFailure('bad_response', message, false)
  }
}

/** Contract: throws for a call above the limit. */
function addCall({ toolCalls }: ModelReply, call: LanguageModelV4ToolCall): void {
  if (toolCalls.length === toolCallsMax) {
    const message = `The reply has more than ${toolCallsMax} tool calls.`
    throw new KnownFailure('bad_response', message, false)
  }
  const { toolCallId: id, toolName: name, input } = call
  toolCalls.push({ id, name, arguments: argumentsOf(input) })
}

function createReader(reply: ModelReply, onText: OnText, begun: number) {
  const names = new Map<string, string>()
  const count = createCount()
  // Apart: arguments whose deltas were counted arrive again as a whole, and what has no deltas.
  const countWhole = createCount()
  const note = createParts(reply, countWhole)
  // Apart: text that is held back counts again when it is released.
  const countHeld = createCount()

  const publish: Publish = (kind, text, call) => {
    addSpan(reply.spans, { kind, text })
    onText?.(kind, text, call)
  }

  function say({ type, delta }: { type: 'text-delta' | 'reasoning-delta'; delta: string }) {
    if (delta === '') return
    reply.firstTokenMs ??= Math.round(performance.now() - begun)
    if (type === 'text-delta') reply.text += delta
    else reply.thinking += delta
    publish(type === 'text-delta' ? 'output.message.delta' : 'reason.thinking.delta', delta)
  }

  return (part: LanguageModelV4StreamPart): void => {
    switch (part.type) {
      case 'text-start':
      case 'text-end':
        note('text', part.id, part)
        return
      case 'reasoning-start':
      case 'reasoning-end':
        note('reasoning', part.id, part)
        return
      case 'text-delta':
      case 'reasoning-delta':
        count(part.delta.length)
        note(part.type === 'text-delta' ? 'text' : 'reasoning', part.id, part).length +=
          part.delta.length
        say(part)
        return
      case 'tool-input-start':
        count(part.id.length + part.toolName.length)
        names.set(part.id, part.toolName)
        return
      case 'tool-input-delta':
        count(part.delta.length)
        sayInput(publish, part, names.get(part.id) ?? '')
        return
      case 'tool-call':
        countWhole(part.input.length + part.toolCallId.length + part.toolName.length)
        note('call', `${reply.toolCalls.length}`, part)
        addCall(reply, part)
        return
      case 'raw': {
        const held = heldPart(part)
        if (held && 'delta' in held) countHeld(held.delta.length)
        return
      }
      case 'response-metadata':
        countWhole(part.id?.length ?? 0)
        reply.responseId = part.id
        return
      case 'finish':
        reply.usage = callUsage(part.usage)
        reply.finishReason = endOf(part.finishReason)
        return
      case 'error':
        throw part.error
      default:
        return
    }
  }
}

/** Limit of an id and a name in live events, which nodes exchange in payloads of 7,000 bytes. */
const liveNameMax = 200

function sayInput(publish: Publish, { id, delta }: { id: string; delta: string }, name: string) {
  if (delta === '') return
  const call: LiveCall = {
    id: id.slice(0, liveNameMax).toWellFormed(),
    name: name.slice(0, liveNameMax).toWellFormed(),
  }
  publish('tool.input.delta', delta, call)
}

/** Returns the finish reason; undefined when the stream broke off and the SDK made up a reason. */
function endOf({ unified, raw }: LanguageModelV4FinishReason): string | undefined {
  const isMadeUp = unified === 'interrupted' || (unified === 'other' && raw === undefined)
  return isMadeUp ? undefined : unified
}

type Noted = { providerMetadata?: SharedV4ProviderMetadata }

/** Key for arguments that are not a JSON object or too deep, with the text of the model. */
export const unreadableArguments = '_unreadable'

/** Functions that walk a value, such as `JSON.stringify`, overflow the stack far beyond. */
const argumentsDepthMax = 500

const surrogateEscape = /\\ud[89a-f]/i

function argumentsOf(text: string): ToolCall['arguments'] {
  try {
    const value: unknown = JSON.parse(text === '' ? '{}' : text)
    if (isJsonObject(value) && !isTooDeep(value, text)) {
      const isUsual = text.isWellFormed() && !surrogateEscape.test(text)
      return isUsual ? value : JSON.parse(wellFormedJson(JSON.stringify(value)))
    }
  } catch {}
  return { [unreadableArguments]: text.toWellFormed() }
}

/** Goes through the value level by level. A short text cannot have as many. */
function isTooDeep(value: object, { length }: string): boolean {
  if (length < argumentsDepthMax) return false
  let level: object[] = [value]
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth === argumentsDepthMax) return true
    level = level.flatMap((holder) =>
      Object.values(holder).filter((one) => typeof one === 'object' && one !== null),
    )
  }
  return false
}

function callUsage({ inputTokens, outputTokens }: LanguageModelV4Usage): TokenUsage {
  const read = tokenCount(inputTokens.cacheRead)
  const written = tokenCount(inputTokens.cacheWrite)
  return {
    input_tokens: tokenCount(inputTokens.total),
    output_tokens: tokenCount(outputTokens.total),
    ...(read > 0 && { cache_read_tokens: read }),
    ...(written > 0 && { cache_creation_tokens: written }),
  }
}

const tokensMax = 1_000_000_000

/** Normalizes a token count: vendors may send any value. */
function tokenCount(told: number | undefined): number {
  return told && told > 0 ? Math.min(tokensMax, Math.round(told)) : 0
}

const sentenceMax = 2_000
/** Shorter values are not secrets, and would match in any text. */
const secretLengthMin = 8

/** Builds an error text from the vendor's response, without its key. */
export function modelFailureSentence(error: unknown, secret = ''): string {
  const message = errorMessage(error)
  const status = statusOf(error)
  const told = secret.length < secretLengthMin ? message : message.replaceAll(secret, '[key]')
  return `${told}${status === undefined ? '' : ` (${status})`}`.slice(0, sentenceMax)
}
