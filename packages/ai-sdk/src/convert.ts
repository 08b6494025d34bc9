import {
  type AiSdkVersion,
  beginTurnFold,
  foldMessages,
  foldTurn,
  type MessageOptions,
  type TurnFold,
  type UIChunk,
  type UIMessageOf,
} from '@outlast/contract/folds/ai-sdk'
import type { Event } from '@outlast/sdk'

/** Converts the stored events of a session, in order, to messages of the AI SDK. */
export const toUIMessages = (events: Iterable<Event>, options?: MessageOptions): UIMessageOf[] =>
  foldMessages(events, options)

export type StreamOptions = MessageOptions & {
  /** Major version of the `ai` package of the client. Default: 7. */
  version?: AiSdkVersion
}

/**
 * Converts a turn of the client, such as `session.send(…)`, to a stream of chunks of one message.
 * It ends with the turn, or when the turn waits for a person or the page.
 */
export function toUIMessageStream(
  turn: AsyncIterable<Event>,
  { version = 7, ...options }: StreamOptions = {},
): ReadableStream<UIChunk> {
  const events = turn[Symbol.asyncIterator]()
  let fold: TurnFold | undefined
  return new ReadableStream<UIChunk>({
    async pull(controller) {
      for (;;) {
        const { done, value: event } = await events.next()
        if (done) return controller.close()
        fold ??= beginTurnFold({ ...options, version, target: targetOf(event) })
        const folded = foldTurn(fold, event)
        fold = folded.fold
        for (const chunk of folded.chunks) controller.enqueue(chunk)
        if (fold.isOver) {
          controller.close()
          return void events.return?.()
        }
        if (folded.chunks.length > 0) return
      }
    },
    async cancel() {
      await events.return?.()
    },
  })
}

/** A turn begins with the message that it answers. */
const targetOf = ({ type, data, context }: Event) =>
  type === 'input.message' ? { messageId: data.message.id } : { turnId: context.turn_id ?? '' }

/** The stream of a turn as the response of a route, for `DefaultChatTransport`. */
export function toUIMessageStreamResponse(
  turn: AsyncIterable<Event>,
  { status = 200, headers, ...options }: StreamOptions & ResponseInit = {},
): Response {
  const frames = toUIMessageStream(turn, options).pipeThrough(
    new TransformStream<UIChunk, Uint8Array>({
      transform: (chunk, controller) => controller.enqueue(frameOf(JSON.stringify(chunk))),
      flush: (controller) => controller.enqueue(frameOf('[DONE]')),
    }),
  )
  const all = new Headers(headers)
  for (const [name, value] of Object.entries(streamHeaders)) all.set(name, value)
  return new Response(frames, { status, headers: all })
}

const streamHeaders = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  'x-vercel-ai-ui-message-stream': 'v1',
  'x-accel-buffering': 'no',
}

const encoder = new TextEncoder()
const frameOf = (data: string) => encoder.encode(`data: ${data}\n\n`)
