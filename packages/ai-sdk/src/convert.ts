import {
  type AiSdkVersion,
  beginTurnFold,
  endWaiting,
  foldMessages,
  foldTurn,
  type MessageOptions,
  type TurnFold,
  type UIChunk,
  type UIMessageOf,
} from '@outlast/contract/folds/ai-sdk'
import { type Event, isOutlastError, type Turn } from '@outlast/sdk'

/** Converts the stored events of a session, in order, to messages of the AI SDK. */
export const toUIMessages = (events: Iterable<Event>, options?: MessageOptions): UIMessageOf[] =>
  foldMessages(events, options)

export type StreamOptions = MessageOptions & {
  /** Major version of the `ai` package of the client. Default: 7. */
  version?: AiSdkVersion
}

/** A turn of the client, or its events. */
export type TurnEvents = AsyncIterable<Event> & Partial<Pick<Turn, 'handledCalls'>>

/**
 * Converts a turn of the client, such as `session.send(…)`, to a stream of chunks of one message.
 * It ends with the turn, or when the turn waits for a person or the page. It continues while the
 * handlers of `session.send` answer a call.
 */
export function toUIMessageStream(
  turn: TurnEvents,
  { version = 7, ...options }: StreamOptions = {},
): ReadableStream<UIChunk> {
  const events = turn[Symbol.asyncIterator]()
  const handled = trackHandled(turn)
  let reading: ReturnType<typeof events.next> | undefined
  let fold: TurnFold | undefined
  let sequence: number | undefined
  /** The next event; undefined when the program has handled a call, or left it to the page. */
  async function next() {
    reading ??= events.next()
    const read = await Promise.race([reading, ...handled.pending])
    if (read) reading = undefined
    return read
  }
  function take(event: Event) {
    sequence = event.sequence ?? sequence
    handled.take(event)
    fold ??= beginTurnFold({ ...options, version, target: targetOf(event) })
    const start = startOfJoined(fold, event)
    if (start.length > 0) fold = { ...fold, turnId: event.context.turn_id }
    const folded = foldTurn(withAnswered(fold, handled.ids), event)
    return { ...folded, chunks: [...start, ...folded.chunks] }
  }
  return new ReadableStream<UIChunk>({
    async pull(controller) {
      for (;;) {
        const read = await next()
        if (read?.done) return controller.close()
        const folded = read
          ? take(read.value)
          : endWaiting(withAnswered(fold!, handled.ids), sequence)
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

const withAnswered = (fold: TurnFold, ids: ReadonlySet<string>): TurnFold => ({
  ...fold,
  options: { ...fold.options, answered: [...ids] },
})

/** Tracks the calls that the program of a turn handles: `pending` settle when it has. */
function trackHandled({ handledCalls }: TurnEvents) {
  const ids = new Set<string>()
  const pending = new Set<Promise<undefined>>()
  return {
    ids,
    pending,
    take(event: Event) {
      const requested = requestedIn(event)
      if (requested.length === 0) return
      const calls = handledCalls?.(event)
      for (const { id } of requested) {
        const call = calls?.get(id)
        // An answered call can be requested again: after an approval, the page may have to run it.
        if (!call) ids.delete(id)
        else {
          ids.add(id)
          const settled = call.then((isHandled) => {
            pending.delete(settled)
            if (!isHandled) ids.delete(id)
            return undefined
          })
          pending.add(settled)
        }
      }
    },
  }
}

function requestedIn({ type, data }: Event) {
  if (type === 'tool.approval_requested') return [data.tool_call]
  return type === 'tool.call_requested' ? data.tool_calls : []
}

/** A turn begins with the message that it answers. */
const targetOf = ({ type, data, context }: Event) =>
  type === 'input.message' ? { messageId: data.message.id } : { turnId: context.turn_id ?? '' }

/** The first chunks for a message that joins a turn, which began before it. */
function startOfJoined({ turnId }: TurnFold, { type, ts, context }: Event): UIChunk[] {
  const { turn_id } = context
  if (turnId !== undefined || type !== 'output.message.started' || !turn_id) return []
  const metadata = { turn_id, created_at: ts, status: 'running' as const, sequence: 0 }
  return [{ type: 'start', messageId: turn_id, messageMetadata: metadata }, { type: 'start-step' }]
}

/**
 * The stream of a turn as the response of a route, for `DefaultChatTransport`. An error that is not
 * that of a failed turn, such as an unknown session, is its last chunk.
 */
export function toUIMessageStreamResponse(
  turn: TurnEvents,
  { status = 200, headers, ...options }: StreamOptions & ResponseInit = {},
): Response {
  const chunks = toUIMessageStream(turn, options).getReader()
  const frames = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await chunks.read()
        if (!done) return controller.enqueue(frameOf(JSON.stringify(value)))
      } catch (error) {
        controller.enqueue(frameOf(JSON.stringify(errorChunkOf(error))))
      }
      controller.enqueue(frameOf('[DONE]'))
      controller.close()
    },
    cancel: (reason) => chunks.cancel(reason),
  })
  const all = new Headers(headers)
  for (const [name, value] of Object.entries(streamHeaders)) all.set(name, value)
  return new Response(frames, { status, headers: all })
}

/** Contract: the text of an error of the route's own code stays on its server. */
const errorChunkOf = (error: unknown): UIChunk => ({
  type: 'error',
  errorText: isOutlastError(error) ? error.message : 'Internal server error',
})

const streamHeaders = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  'x-vercel-ai-ui-message-stream': 'v1',
  'x-accel-buffering': 'no',
}

const encoder = new TextEncoder()
const frameOf = (data: string) => encoder.encode(`data: ${data}\n\n`)
