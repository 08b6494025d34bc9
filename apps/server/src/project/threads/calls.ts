import type { Progress, SerializedResult, ToolContext } from '../../capabilities/capability.ts'
import type { Log } from '../../log.ts'
import { createBodies } from './bodies.ts'
import type { Channel, Handlers } from './channel.ts'
import type { SentContext } from './context.ts'
import { begunAt, culpritAt, type OfCall, type SentCall, type ToolPlace } from './messages.ts'
import { operate, type ServedCall } from './operations.ts'
import { fromSentError, type SentError, toSentError } from './sent-error.ts'

/** A call for a thread. */
export type ThreadCall = ToolPlace & { input: Record<string, unknown>; context: ToolContext }

/** Ends the calls of a thread that has ended. */
export class ThreadEndedError extends Error {
  override name = 'ThreadEndedError'
  /** False for a call that the thread had not begun. */
  hasBegun = false
  /** True for the call that ended the thread. */
  isCulprit = false
  hasChangedFiles = false
}

type Entry = ServedCall & { tool: string; isAborted: boolean; pending: Set<Promise<unknown>> }

/** The calls of a thread by number. A call stays until it ended there, or its abort arrived. */
export type Calls = Map<number, Entry>

const rejectionsLoggedMax = 100

/** Handles the messages of a thread, each for one of its own calls. */
export function handlersOf(calls: Calls, log: Log): Handlers {
  let rejections = 0
  const entryOf = (call: number): Entry => {
    const entry = calls.get(call)
    if (!entry) throw new Error('The call has ended.')
    entry.context.signal.throwIfAborted()
    return entry
  }
  return {
    async operate({ call, name, value }: OfCall<{ name: string; value: unknown }>) {
      const entry = entryOf(call)
      const work = Promise.resolve(operate(entry, name, value))
      entry.pending.add(work)
      return work.finally(() => entry.pending.delete(work))
    },
    progress: ({ call, progress }: OfCall<{ progress: Progress }>) =>
      entryOf(call).context.progress(progress),
    'fetch.abort': ({ call, id }: OfCall<{ id: number }>) =>
      calls.get(call)?.fetches.get(id)?.abort(),
    'body.read': ({ call, body }: OfCall<{ body: number }>) => entryOf(call).bodies.read(body),
    'body.cancel': ({ call, body }: OfCall<{ body: number }>) => entryOf(call).bodies.cancel(body),
    rejection({ call, error }: OfCall<{ error: SentError }>) {
      rejections += 1
      if (rejections > rejectionsLoggedMax) return
      const tool = calls.get(call)?.tool
      log.error('unhandled rejection in a tool', { tool, error: fromSentError(error) })
    },
  }
}

type Place = { calls: Calls; channel: Channel; marks: Int32Array; call: number }

/**
 * Runs a call in a thread.
 * Contract: throws the error of the tool, and ThreadEndedError when the thread ends first.
 */
export async function runCall(
  { calls, channel, marks, call }: Place,
  { context, input, ...place }: ThreadCall,
): Promise<SerializedResult> {
  const { signal } = context
  const entry: Entry = {
    call,
    tool: place.tool,
    context,
    channel,
    bodies: createBodies(),
    fetches: new Map(),
    hasChangedFiles: false,
    isAborted: false,
    pending: new Set(),
  }
  calls.set(call, entry)
  const abort = () => {
    entry.isAborted = true
    const drop = () => calls.delete(call)
    channel.request('abort', { call, reason: toSentError(signal.reason) }).then(drop, drop)
  }
  signal.addEventListener('abort', abort, { once: true })
  try {
    const sent: SentCall = { ...place, call, input, context: sentContext(context) }
    return await channel.request<SerializedResult>('run', sent)
  } catch (error) {
    if (!(error instanceof ThreadEndedError)) throw error
    release(entry)
    await Promise.allSettled(entry.pending)
    throw Object.assign(new ThreadEndedError(error.message), {
      hasBegun: call <= marks[begunAt]!,
      isCulprit: call === marks[culpritAt],
      hasChangedFiles: entry.hasChangedFiles,
    })
  } finally {
    signal.removeEventListener('abort', abort)
    release(entry)
    if (!entry.isAborted) calls.delete(call)
  }
}

/** Ends what the call fetches: nothing of it continues after its end in the thread. */
function release({ fetches, bodies }: Entry) {
  for (const fetch of fetches.values()) fetch.abort()
  fetches.clear()
  bodies.cancelAll()
}

const sentContext = ({
  orgId,
  sessionId,
  turnId,
  callId,
  idempotencyKey,
  outputBytesMax,
  traceparent,
}: ToolContext): SentContext => ({
  orgId,
  sessionId,
  turnId,
  callId,
  idempotencyKey,
  outputBytesMax,
  traceparent,
})
