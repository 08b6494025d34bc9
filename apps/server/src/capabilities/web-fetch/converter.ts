import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { ToolError } from '../capability.ts'
import type { Converted, Page } from './convert.ts'

/** How many pages are converted side by side; more wait for one to be done. */
const workersMax = 4
const idleMs = 60_000
const resourceLimits = { maxOldGenerationSizeMb: 384, maxYoungGenerationSizeMb: 32, stackSizeMb: 4 }

/** Threads that wait for a page, and when each is ended. */
const resting = new Map<Worker, NodeJS.Timeout>()
const waiting = new Set<() => void>()
let busy = 0

/**
 * Converts a page in a thread of its own, which is ended when it takes longer than `signal` lets it, or more memory than
 * it has. Contract: `page.bytes` is handed over, and gone from here; throws ToolError when the page is too much, and what
 * `signal` says when that aborts.
 */
export async function convertInThread(page: Page, signal: AbortSignal): Promise<Converted> {
  await takePlace(signal)
  const worker = wake() ?? start()
  try {
    worker.ref()
    worker.postMessage(page, [page.bytes.buffer as ArrayBuffer])
    const [converted] = await once(worker, 'message', { signal })
    rest(worker)
    return converted
  } catch (error) {
    void worker.terminate()
    signal.throwIfAborted()
    if ((error as NodeJS.ErrnoException).code !== 'ERR_WORKER_OUT_OF_MEMORY') throw error
    throw new ToolError('The page takes too much memory to convert. Ask for it raw, or as text.')
  } finally {
    leavePlace()
  }
}

/** Has a thread load what it needs while the page is on its way. */
export function warmUp(): void {
  if (resting.size === 0 && busy < workersMax) rest(start())
}

async function takePlace(signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  busy += 1
  if (busy <= workersMax) return
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const giveUp = () => reject(signal.reason)
  waiting.add(resolve)
  signal.addEventListener('abort', giveUp, { once: true })
  try {
    await promise
  } catch (error) {
    busy -= 1
    throw error
  } finally {
    waiting.delete(resolve)
    signal.removeEventListener('abort', giveUp)
  }
}

function leavePlace(): void {
  busy -= 1
  const [next] = waiting
  if (next) waiting.delete(next)
  next?.()
}

/** The thread that rested last: it is the warmest. */
function wake(): Worker | undefined {
  const last = [...resting].at(-1)
  if (!last) return undefined
  const [worker, end] = last
  clearTimeout(end)
  resting.delete(worker)
  return worker
}

function rest(worker: Worker): void {
  worker.unref()
  resting.set(worker, setTimeout(() => void worker.terminate(), idleMs).unref())
}

function start(): Worker {
  // A page is data: nothing of ours is in there, whatever it may bring the thread to do.
  const worker = new Worker(new URL('./worker.ts', import.meta.url), {
    name: 'web_fetch',
    env: {},
    resourceLimits,
  })
  worker.on('error', () => resting.delete(worker))
  worker.on('exit', () => resting.delete(worker))
  return worker
}
