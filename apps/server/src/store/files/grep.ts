import { Worker } from 'node:worker_threads'
import type { GrepResult } from '@outlast/contract'
import { ApiError } from '../../errors.ts'
import { type DatabaseWaits, databaseWaits } from '../database.ts'
import type { FilesOf } from './files.ts'

export type GrepRequest = FilesOf & { pattern: string; pathPattern?: string | null | undefined }

/**
 * Finds the lines of a session's text files that an RE2 pattern matches, files in the order of
 * their paths.
 * Contract: throws 400 `invalid_regex`, 408 `grep_timeout`, 503 `grep_busy` and
 * `database_unavailable`, and other errors of a thread with their stack and code. A session that
 * does not exist has no matches.
 */
export type Grep = (request: GrepRequest) => Promise<{ results: GrepResult[]; truncated: boolean }>

/** A request to a thread. Its time begins with the message `begun`. */
export type GrepQuestion = GrepRequest & { timeoutMs: number }
export type GrepThreadData = { url: string; waits: DatabaseWaits }
export type GrepMessage = { begun: true } | GrepAnswer
type GrepAnswer =
  | { results: GrepResult[]; truncated: boolean }
  | { invalid: string }
  | { late: true }
  /** No thread began it in time. */
  | { busy: true }
  /** The database cannot be reached. */
  | { away: true }
  | { error: ThreadError }
/** An error as a message: a copy of the error itself would lose the code. */
type ThreadError = Pick<NodeJS.ErrnoException, 'message' | 'stack' | 'code'>

const timeoutMs = 10_000
/** Time for a thread to start and begin a search: a loaded machine needs seconds. */
const startMs = 30_000
/** After this time without even a timeout report, a thread counts as stuck. */
const stuckMs = 2_000
const idleMs = 60_000
const heapMb = 512

/** A search may block its thread: a session has one, and an organization leaves one to others. */
const threadsMax = 3
const threadsOfOneMax = 2
const waitingMax = 500
const waitingOfOneMax = 100
const waitMs = 10_000

type Search = { request: GrepRequest; settle: (answer: GrepAnswer) => void }
type Thread = { worker: Worker; search: Search | undefined; timer: NodeJS.Timeout | undefined }

/** Runs searches in threads that the first search starts and that end after an idle minute. */
export function startGrep(
  url: string,
  waits: DatabaseWaits = databaseWaits,
): { grep: Grep; stop: () => Promise<void> } {
  const threads = new Set<Thread>()
  const waiting = new Set<Search>()

  function start(): Thread {
    const worker = startWorker({ url, waits })
    const thread: Thread = { worker, search: undefined, timer: undefined }
    worker.on('message', (message: GrepMessage) => {
      if ('begun' in message) endIn(thread, timeoutMs + stuckMs, { late: true })
      else settle(thread, message)
    })
    worker.on('error', (error: Error) => drop(thread, { error }))
    worker.on('exit', (code) => drop(thread, { error: new Error(`The thread exited: ${code}.`) }))
    threads.add(thread)
    return thread
  }

  function settle(thread: Thread, answer: GrepAnswer) {
    const { search } = thread
    thread.search = undefined
    if (threads.has(thread)) endIn(thread, idleMs, { busy: true })
    search?.settle(answer)
    passOn()
  }

  /** Removes a thread. Its pending request gets the answer. */
  function drop(thread: Thread, answer: GrepAnswer) {
    clearTimeout(thread.timer)
    if (threads.delete(thread)) settle(thread, answer)
  }

  /** Ends a thread later. A request that is pending then gets the answer. */
  function endIn(thread: Thread, ms: number, answer: GrepAnswer) {
    clearTimeout(thread.timer)
    thread.timer = setTimeout(() => {
      drop(thread, answer)
      void thread.worker.terminate()
    }, ms).unref()
  }

  function mayBegin({ orgId, sessionId }: GrepRequest): boolean {
    const underWay = [...threads].flatMap(({ search }) => search?.request ?? [])
    const ofOne = underWay.filter((other) => other.orgId === orgId)
    return ofOne.length < threadsOfOneMax && !ofOne.some((other) => other.sessionId === sessionId)
  }

  /** Assigns waiting requests to idle threads. */
  function passOn() {
    for (const search of waiting) {
      if (!mayBegin(search.request)) continue
      const free = [...threads].find((thread) => !thread.search)
      const thread = free ?? (threads.size < threadsMax ? start() : undefined)
      if (!thread) return
      waiting.delete(search)
      thread.search = search
      endIn(thread, startMs, { busy: true })
      thread.worker.postMessage({ ...search.request, timeoutMs } satisfies GrepQuestion)
    }
  }

  /** Requests a search. Contract: throws 503 `grep_busy` when no thread is free in time. */
  async function ask(request: GrepRequest): Promise<GrepAnswer> {
    const ofOne = [...waiting].filter((search) => search.request.orgId === request.orgId)
    if (waiting.size >= waitingMax || ofOne.length >= waitingOfOneMax) {
      throw new ApiError('grep_busy')
    }
    const { promise, resolve, reject } = Promise.withResolvers<GrepAnswer>()
    const search = { request, settle: resolve }
    const giveUp = setTimeout(() => {
      if (waiting.delete(search)) reject(new ApiError('grep_busy'))
    }, waitMs).unref()
    waiting.add(search)
    passOn()
    return promise.finally(() => clearTimeout(giveUp))
  }

  return {
    async grep(request) {
      return grepResult(await ask(request))
    },
    async stop() {
      const ended = [...threads]
      threads.clear()
      for (const { timer } of ended) clearTimeout(timer)
      await Promise.all(ended.map(({ worker }) => worker.terminate()))
    },
  }
}

function startWorker(workerData: GrepThreadData): Worker {
  const worker = new Worker(new URL('./grep-worker.ts', import.meta.url), {
    workerData,
    resourceLimits: { maxOldGenerationSizeMb: heapMb },
  })
  worker.unref()
  return worker
}

function grepResult(answer: GrepAnswer) {
  if ('invalid' in answer) throw new ApiError('invalid_regex', answer.invalid)
  if ('busy' in answer) throw new ApiError('grep_busy')
  if ('late' in answer) throw new ApiError('grep_timeout', String(timeoutMs / 1000))
  if ('away' in answer) throw new ApiError('database_unavailable')
  if ('error' in answer) throw rebuilt(answer.error)
  return answer
}

const rebuilt = ({ message, stack, code }: ThreadError) =>
  Object.assign(new Error(message), { ...(stack && { stack }), ...(code && { code }) })
