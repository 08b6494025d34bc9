import type { Worker } from 'node:worker_threads'
import type { Log } from '../../log.ts'
import type { ThreadChannel } from './channel.ts'

export const checkMs = 250
/** Checks without an answer after which a thread counts as blocked, and during its start. */
const silentMax = 4
const loadingMax = 60_000 / checkMs
/** A thread that uses more is ended. */
const memoryMbMax = 1_024

export type Health = {
  isLoaded: () => boolean
  /** Resolves once the project is loaded, or the thread fails. */
  loaded: Promise<void>
  /** Sends a ping, and ends a thread that uses too much memory. Called every `checkMs`. */
  check: () => void
  /** True when the thread does not answer. */
  isBlocked: () => boolean
}

type Watched = {
  worker: Worker
  channel: ThreadChannel
  log: Log
  toolNames: () => string[]
  /** Ends it because of an error. */
  fail: (error: Error) => void
  end: () => void
}

/**
 * Watches a thread. Checks are counted, not time: on a loaded machine the answer may have arrived
 * and wait for this thread.
 */
export function watchHealth({ worker, channel, log, toolNames, fail, end }: Watched): Health {
  let isLoaded = false
  let isAsked = false
  let silent = 0
  let hasExited = false
  let isMeasuring = false

  const loaded = channel.request('loaded', undefined).then(
    () => {
      isLoaded = true
    },
    (error) => {
      if (!hasExited) fail(error)
    },
  )
  worker.on('exit', () => {
    hasExited = true
  })

  function ping() {
    if (isAsked) {
      silent += 1
      return
    }
    isAsked = true
    channel.request('ping', undefined).then(
      () => {
        isAsked = false
        silent = 0
      },
      () => {},
    )
  }

  async function checkMemory() {
    if (isMeasuring) return
    isMeasuring = true
    const statistics = await worker.getHeapStatistics().catch(() => undefined)
    isMeasuring = false
    if (!statistics || hasExited) return
    const { used_heap_size: heap, external_memory: external } = statistics
    const memoryMb = Math.round((heap + external) / 1_048_576)
    if (memoryMb <= memoryMbMax) return
    log.error('tools use too much memory: their thread is ended', { memoryMb, tools: toolNames() })
    end()
  }

  return {
    check() {
      ping()
      if (!isLoaded && silent > loadingMax) fail(new Error('The project does not load.'))
      void checkMemory()
    },
    isLoaded: () => isLoaded,
    loaded,
    isBlocked: () => isLoaded && silent >= silentMax,
  }
}
