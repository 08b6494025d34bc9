import type { Progress, ToolContext } from '../../capabilities/capability.ts'
import type { Log } from '../../log.ts'
import { createBodies } from './bodies.ts'
import type { Handlers, ThreadChannel } from './channel.ts'
import type { SentContext } from './context.ts'
import {
  begunAt,
  closedAt,
  culpritAt,
  type OfCall,
  type SentCall,
  type ToolPlace,
  withdrawn,
} from './messages.ts'
import { operate, type ServedCall } from './operations.ts'
import { fromSentError, type SentError, toSentError } from './sent-error.ts'

/** A call for a thread: with the whole context, or a signal only if it `parses`. */
export type ThreadCall = ToolPlace & Pick<SentCall, 'input' | 'parses'> & { context: ToolContext }

/** The thread has ended. */
export class ThreadEndedError extends Error {
  override name = 'ThreadEndedError'
}

/** The call left its thread before it began there. */
export class NotBegunError extends Error {
  override name = 'NotBegunError'
}

/** The thread ended during the call. `isCulprit`: the call ended it. */
export class CutOffError extends Error {
  override name = 'CutOffError'
  readonly isCulprit: boolean
  readonly hasChangedFiles: boolean

  constructor(isCulprit: boolean, hasChangedFiles: boolean) {
    super('The thread of the call has ended.')
    this.isCulprit = isCulprit
    this.hasChangedFiles = hasChangedFiles
  }
}

type Entry = ServedCall & {
  tool: string
  isAborted: boolean
  pending: Set<Promise<unknown>>
  leave: (error: Error) => void
}

/** The calls of a thread by number. A call stays until it ended there, or its abort arrived. */
export type ThreadCalls = Map<number, Entry>

const rejectionsLoggedMax = 100

/** Handles the messages of a thread, each for one of its own calls. */
export function handlersOf(calls: ThreadCalls, log: Log): Handlers {
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

type RunningCall = { calls: ThreadCalls; channel: ThreadChannel; marks: Int32Array; call: number }

/**
 * Runs a call in a thread.
 * Contract: throws the error of the tool, NotBegunError, and CutOffError.
 */
export async function runCall<T>(
  { calls, channel, marks, call }: RunningCall,
  { context, input, ...place }: ThreadCall,
): Promise<T> {
  const { signal } = context
  signal.throwIfAborted()
  const { promise: left, reject: leave } = Promise.withResolvers<never>()
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
    leave,
  }
  calls.set(call, entry)
  left.catch(() => {})
  const abort = () => {
    entry.isAborted = true
    const drop = () => {
      calls.delete(call)
      // A tool may never settle, and this function would keep its turn in memory.
      leave(signal.reason)
    }
    channel.request('abort', { call, reason: toSentError(signal.reason) }).then(drop, drop)
  }
  signal.addEventListener('abort', abort, { once: true })
  try {
    const sent: SentCall = { ...place, call, input, context: sentContext(context) }
    const running = channel.request<T | typeof withdrawn>('run', sent)
    const result = await Promise.race([running, left])
    if (result === withdrawn) throw new NotBegunError()
    return result
  } catch (error) {
    if (!(error instanceof ThreadEndedError)) throw error
    release(entry)
    await Promise.allSettled(entry.pending)
    if (call > marks[begunAt]!) throw new NotBegunError()
    const isCulprit = call === marks[culpritAt]
    throw new CutOffError(isCulprit, entry.hasChangedFiles)
  } finally {
    signal.removeEventListener('abort', abort)
    release(entry)
    if (!entry.isAborted) calls.delete(call)
  }
}

/** Ends the calls that have not begun: other threads run them. The thread begins no more calls. */
export function withdrawCalls(calls: ThreadCalls, marks: Int32Array): void {
  Atomics.store(marks, closedAt, 1)
  const lastBegun = Atomics.load(marks, begunAt)
  for (const { call, leave } of calls.values()) if (call > lastBegun) leave(new NotBegunError())
}

/** Ends all calls with an error. */
export function failCalls(calls: ThreadCalls, error: Error): void {
  for (const { leave } of calls.values()) leave(error)
}

/** Ends the fetches of a call: none continues after the end of the call in its thread. */
function release({ fetches, bodies }: Entry) {
  for (const fetch of fetches.values()) fetch.abort()
  fetches.clear()
  bodies.cancelAll()
}

const sentContext = ({
  signal: _signal,
  files: _files,
  storage: _storage,
  progress: _progress,
  fetch: _fetch,
  budgets: _budgets,
  ask: _ask,
  ...sent
}: ToolContext): SentContext => sent
