import { Worker } from 'node:worker_threads'
import type { GrepResult } from '@outlast/contract'
import { ApiError } from '../errors.ts'
import type { FilesOf } from './files.ts'

export type GrepRequest = FilesOf & { pattern: string; pathPattern?: string | null | undefined }

/**
 * Finds the lines of text files of a session that a pattern of RE2 matches, files in the order of their paths.
 * Contract: throws 400 `invalid_regex`, 408 `grep_timeout`, 503 `grep_busy`. Of a session that does not exist there is
 * nothing to find.
 */
export type Grep = (request: GrepRequest) => Promise<{ results: GrepResult[]; truncated: boolean }>

/** What the thread is asked; `until` in ms since 1970. */
export type GrepQuestion = GrepRequest & { id: number; until: number }
export type GrepAnswer = { id: number } & (
  | { results: GrepResult[]; truncated: boolean }
  | { invalid: string }
  | { late: true }
  | { error: string }
)

const timeoutMs = 10_000
/** A thread that does not even say that it is late is stuck. */
const stuckMs = 5_000
const idleMs = 60_000
const waitingMax = 100
const heapMb = 512

type Waiting = {
  question: GrepQuestion
  settle: (answer: GrepAnswer) => void
}

/** Searches in a thread that is started when somebody searches, and ended a minute after. */
export function startGrep(url: string): { grep: Grep; stop: () => Promise<void> } {
  const waiting = new Map<number, Waiting>()
  let thread: Worker | undefined
  let ids = 0
  let timer: NodeJS.Timeout | undefined

  function start(): Worker {
    const made = new Worker(new URL('./grep-worker.ts', import.meta.url), {
      workerData: { url },
      resourceLimits: { maxOldGenerationSizeMb: heapMb },
    })
    made.unref()
    made.on('message', (answer: GrepAnswer) => settle(answer))
    made.on('error', () => broke(made))
    made.on('exit', () => broke(made))
    return made
  }

  function settle(answer: GrepAnswer) {
    waiting.get(answer.id)?.settle(answer)
    waiting.delete(answer.id)
    watch()
  }

  /** Whoever the thread still owes an answer is told that there is none. */
  function broke(which: Worker) {
    if (thread !== which) return
    thread = undefined
    for (const id of waiting.keys()) settle({ id, late: true })
  }

  /** Ends a thread that is stuck, or idle for long. */
  function watch() {
    clearTimeout(timer)
    if (!thread) return
    const first = waiting.values().next().value
    const inMs = first ? first.question.until + stuckMs - Date.now() : idleMs
    timer = setTimeout(
      () => {
        const ended = thread!
        broke(ended)
        void ended.terminate()
      },
      Math.max(0, inMs),
    )
    timer.unref()
  }

  async function grep(request: GrepRequest) {
    if (waiting.size >= waitingMax) throw new ApiError('grep_busy')
    thread ??= start()
    ids += 1
    const question = { ...request, id: ids, until: Date.now() + timeoutMs }
    const answer = await new Promise<GrepAnswer>((settle) => {
      waiting.set(question.id, { question, settle })
      thread!.postMessage(question)
      watch()
    })
    if ('invalid' in answer) throw new ApiError('invalid_regex', answer.invalid)
    if ('late' in answer) throw new ApiError('grep_timeout', String(timeoutMs / 1000))
    if ('error' in answer) throw new Error(answer.error)
    return { results: answer.results, truncated: answer.truncated }
  }

  return {
    grep,
    async stop() {
      clearTimeout(timer)
      const ended = thread
      thread = undefined
      await ended?.terminate()
    },
  }
}
