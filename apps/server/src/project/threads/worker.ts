import { getCompileCacheDir } from 'node:module'
import path from 'node:path'
import { MessageChannel, Worker } from 'node:worker_threads'
import type { Log } from '../../log.ts'
import { lowerPriority } from '../../store/files/low-priority.ts'
import type { ProjectLocation } from '../load.ts'
import {
  failCalls,
  handlersOf,
  runCall,
  type ThreadCall,
  type ThreadCalls,
  ThreadEndedError,
  withdrawCalls,
} from './calls.ts'
import { openChannel } from './channel.ts'
import { type Health, watchHealth } from './health.ts'
import { culpritAt, markCount, type ThreadStart, threadIdAt } from './messages.ts'

export type ProjectThread = Health & {
  /** Contract: throws the error of the tool, NotBegunError, and CutOffError. */
  run: <T>(call: ThreadCall) => Promise<T>
  /** Number of calls that have not ended in the thread, aborted ones included. */
  callCount: () => number
  /** The tools of calls that were aborted, which the thread has not confirmed. */
  lateTools: () => string[]
  /** The tools of its calls. */
  toolNames: () => string[]
  /** True while it starts or has calls. */
  isBusy: () => boolean
  /** Closes a blocked thread for calls that it has not begun, and lowers its priority. */
  close: () => void
  isEnding: () => boolean
  end: () => Promise<void>
}

export type ThreadOptions = {
  location: ProjectLocation
  fileBytesMax: number
  log: Log
  /** Called once, after the end. `isExpected` is false when the thread ended by itself. */
  onEnd: (thread: ProjectThread, isExpected: boolean) => void
}

/**
 * Far above the limit of `health.ts`: V8 ends the whole process when one step of a thread, such as
 * `JSON.parse`, exceeds this one.
 */
const resourceLimits = { maxOldGenerationSizeMb: 4_096, maxYoungGenerationSizeMb: 32 }

/** Starts a thread, which loads the project. Calls can be made at once. */
export function startThread({ log, onEnd, ...options }: ThreadOptions): ProjectThread {
  const calls: ThreadCalls = new Map()
  const marks = new Int32Array(new SharedArrayBuffer(markCount * Int32Array.BYTES_PER_ELEMENT))
  const { worker, port } = startWorker({ ...options, marks })
  const channel = openChannel(port, handlersOf(calls, log))
  port.unref()
  const toolNames = () => namesOf([...calls.values()])
  let isExpected = false
  let error: unknown
  let last = 0

  const exited = new Promise<void>((resolve) => {
    worker.on('error', (thrown) => {
      error = thrown
    })
    worker.on('exit', (exitCode) => {
      if (!isExpected) {
        const culprit = calls.get(marks[culpritAt]!)?.tool
        log.error('a thread with tools has ended', { exitCode, error, culprit, tools: toolNames() })
      }
      channel.close(new ThreadEndedError('The thread has ended.'))
      onEnd(thread, isExpected)
      resolve()
    })
  })

  /** Ends a thread that cannot load the project. */
  function fail(thrown: Error) {
    error = thrown
    failCalls(calls, thrown)
    void worker.terminate()
  }

  async function end() {
    isExpected = true
    void worker.terminate()
    await exited
  }

  const health = watchHealth({ worker, channel, log, toolNames, fail, end })
  const thread: ProjectThread = {
    run: (call) => runCall({ calls, channel, marks, call: ++last }, call),
    callCount: () => calls.size,
    lateTools: () => namesOf([...calls.values()].filter(({ isAborted }) => isAborted)),
    isBusy: () => calls.size > 0 || !health.isLoaded(),
    toolNames,
    close() {
      withdrawCalls(calls, marks)
      const threadId = Atomics.load(marks, threadIdAt)
      if (threadId > 0) lowerPriority(threadId)
    },
    isEnding: () => isExpected,
    end,
    ...health,
  }
  return thread
}

const namesOf = (calls: { tool: string }[]) => [...new Set(calls.map(({ tool }) => tool))]

function startWorker(start: Omit<ThreadStart, 'port'>) {
  const cache = getCompileCacheDir()
  const { port1: port, port2 } = new MessageChannel()
  const worker = new Worker(new URL('./start-thread.ts', import.meta.url), {
    name: 'tools',
    workerData: { compileCache: cache && path.dirname(cache) },
    resourceLimits,
  })
  worker.postMessage({ port: port2, ...start } satisfies ThreadStart, [port2])
  worker.unref()
  return { worker, port }
}
