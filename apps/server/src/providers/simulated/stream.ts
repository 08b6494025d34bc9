import { setTimeout as sleep } from 'node:timers/promises'
import {
  APICallError,
  type LanguageModelV4CallOptions,
  type LanguageModelV4StreamPart,
  type LanguageModelV4StreamResult,
  type LanguageModelV4Usage,
} from '@ai-sdk/provider'
import { promptLength } from './prompt.ts'
import type { Fault, Pace, ReplyCall, ReplyUsage, SimulatedReply } from './reply.ts'

type Part = LanguageModelV4StreamPart

const charactersPerToken = 4
const deltasMax = 20_000

/**
 * Streams a reply as a vendor's model does.
 * Contract: without delay and rate no timer is set; with them, aborting or cancelling the stream
 * ends it at once and leaves no timer behind.
 */
export async function streamReply(
  reply: SimulatedReply,
  modelId: string,
  { abortSignal, prompt }: LanguageModelV4CallOptions,
): Promise<LanguageModelV4StreamResult> {
  abortSignal?.throwIfAborted()
  if (reply.fault && reply.fault.afterCharacters === undefined) {
    if (reply.delayMs) await pause(reply.delayMs, abortSignal)
    throw faultError(reply.fault)
  }
  const usage = replyUsage(reply, promptLength(prompt))
  const calls = (reply.toolCalls ?? []).map(({ id, ...call }, index) => ({
    ...call,
    id: id ?? `call_${prompt.length}_${index + 1}`,
  }))
  const parts = replyParts({ ...reply, toolCalls: calls }, modelId, usage)
  const isPaced = Boolean(reply.delayMs || reply.tokensPerSecond)
  return { stream: isPaced ? paced(parts, reply, abortSignal) : unpaced(parts, abortSignal) }
}

type NumberedReply = SimulatedReply & { toolCalls: Required<ReplyCall>[] }

function* replyParts(reply: NumberedReply, modelId: string, usage: LanguageModelV4Usage) {
  const { thinking, text = '', toolCalls, chunk, fault } = reply
  yield { type: 'stream-start', warnings: [] } satisfies Part
  yield { type: 'response-metadata', modelId } satisfies Part
  if (thinking) yield* blockOf('reasoning', piecesOf(thinking, chunk))
  const said = fault ? cut(text, fault.afterCharacters ?? 0) : text
  if (said) yield* blockOf('text', piecesOf(said, chunk))
  if (fault) throw faultError(fault)
  for (const call of toolCalls) yield* callOf(call, chunk)
  const unified = toolCalls.length > 0 ? 'tool-calls' : 'stop'
  yield { type: 'finish', usage, finishReason: { unified, raw: unified } } satisfies Part
}

function* blockOf(kind: 'text' | 'reasoning', pieces: Iterable<string>): Generator<Part> {
  yield { type: `${kind}-start`, id: kind }
  for (const delta of pieces) yield { type: `${kind}-delta`, id: kind, delta }
  yield { type: `${kind}-end`, id: kind }
}

function* callOf(
  { id, name: toolName, input }: Required<ReplyCall>,
  chunk: number | undefined,
): Generator<Part> {
  const json = JSON.stringify(input)
  yield { type: 'tool-input-start', id, toolName }
  for (const delta of piecesOf(json, chunk)) yield { type: 'tool-input-delta', id, delta }
  yield { type: 'tool-input-end', id }
  yield { type: 'tool-call', toolCallId: id, toolName, input: json }
}

/**
 * Splits a text into pieces of `size` characters, or words. Never splits a surrogate pair; the
 * number of pieces is limited.
 */
function* piecesOf(text: string, size: number | undefined): Generator<string> {
  const least = Math.max(size ?? 1, Math.ceil(text.length / deltasMax))
  for (let from = 0; from < text.length; ) {
    let to = Math.min(text.length, whole(text, from + least))
    if (size === undefined) to = endOfWord(text, to)
    yield text.slice(from, to)
    from = to
  }
}

/** The end of the word at `from`, with the white space after it. */
function endOfWord(text: string, from: number): number {
  const end = /\S*\s*/y
  end.lastIndex = from
  end.exec(text)
  return end.lastIndex
}

/** `at`, or one more where that would split a surrogate pair. */
function whole(text: string, at: number): number {
  const before = text.charCodeAt(at - 1)
  return before >= 0xd800 && before <= 0xdbff && at < text.length ? at + 1 : at
}

const cut = (text: string, length: number) => text.slice(0, whole(text, length))

function unpaced(parts: Iterator<Part>, signal: AbortSignal | undefined): ReadableStream<Part> {
  return new ReadableStream({
    pull(controller) {
      signal?.throwIfAborted()
      const next = parts.next()
      if (next.done) controller.close()
      else controller.enqueue(next.value)
    },
  })
}

function paced(parts: Iterator<Part>, pace: Pace, signal: AbortSignal | undefined) {
  const cancelled = new AbortController()
  const stop = signal ? AbortSignal.any([signal, cancelled.signal]) : cancelled.signal
  const tokenMs = pace.tokensPerSecond ? 1000 / pace.tokensPerSecond : 0
  let dueMs = performance.now() + (pace.delayMs ?? 0)
  return new ReadableStream<Part>({
    async pull(controller) {
      stop.throwIfAborted()
      const next = parts.next()
      if (next.done) return controller.close()
      if (next.value.type.endsWith('-delta')) {
        await pause(dueMs - performance.now(), stop)
        dueMs += tokenMs
      }
      controller.enqueue(next.value)
    },
    cancel: () => cancelled.abort(),
  })
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  if (ms <= 0) return
  try {
    await sleep(ms, undefined, { signal })
  } catch {
    signal?.throwIfAborted()
  }
}

function faultError({ message, status }: Fault): APICallError {
  return new APICallError({
    message,
    url: 'llmsim:',
    requestBodyValues: {},
    ...(status === undefined ? { isRetryable: true } : { statusCode: status }),
  })
}

function replyUsage(reply: SimulatedReply, inputLength: number): LanguageModelV4Usage {
  const { thinking = '', text = '', toolCalls = [] } = reply
  const counted: ReplyUsage = reply.usage ?? {}
  const called = toolCalls.length > 0 ? JSON.stringify(toolCalls).length : 0
  const input = counted.input_tokens ?? tokens(inputLength)
  const output = counted.output_tokens ?? tokens(thinking.length + text.length + called)
  const reasoning = Math.min(output, thinking ? tokens(thinking.length) : 0)
  const cacheRead = counted.cache_read_tokens
  const cacheWrite = counted.cache_creation_tokens
  const noCache = Math.max(0, input - (cacheRead ?? 0) - (cacheWrite ?? 0))
  return {
    inputTokens: { total: input, noCache, cacheRead, cacheWrite },
    outputTokens: { total: output, text: output - reasoning, reasoning },
  }
}

const tokens = (length: number) => Math.max(1, Math.ceil(length / charactersPerToken))
