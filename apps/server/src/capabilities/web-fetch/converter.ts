import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { createShares } from '../../shares.ts'
import { ToolError } from '../capability.ts'
import type { Converted, Page } from './convert.ts'

/** Pages converted at once. An organization leaves a thread to the others, which take turns. */
const workersMax = 4
const shares = createShares(
  { slots: workersMax, slotsEach: workersMax - 1, waitingMax: 2_000, waitingEachMax: 200 },
  () => new ToolError('Too many pages are waiting to be converted. Try again later.'),
)
const idleMs = 60_000
const lookMs = 250
const resourceLimits = { maxOldGenerationSizeMb: 384, maxYoungGenerationSizeMb: 32, stackSizeMb: 4 }

/** Threads that wait for a page, and when each is ended. */
const resting = new Map<Worker, NodeJS.Timeout>()
let busy = 0

export type Conversion = {
  orgId: string
  signal: AbortSignal
  /** Processor time for the page: on a loaded machine the wall clock says little about it. */
  processorMsMax: number
}

/**
 * Converts a page in a thread of its own, which is ended when it takes longer than `signal` lets
 * it, or more memory than it has. Contract: `page.bytes` is handed over, and gone from here; throws
 * ToolError when the page is too much, and what `signal` says when that aborts.
 */
export function convertInThread(page: Page, conversion: Conversion): Promise<Converted> {
  const { orgId, signal } = conversion
  return shares.run(orgId, () => convertNow(page, conversion), signal)
}

export const tookTooLong = () =>
  new ToolError('The page takes too long to convert. Ask for it raw, or as text.')

/** 0 of a thread that does not run yet, or no more. */
const processorMs = (worker: Worker) =>
  worker.cpuUsage().then(
    ({ user, system }) => (user + system) / 1_000,
    () => 0,
  )

/** Aborts when the thread has computed for `ms`, beside what it had before. */
function limitProcessorTime(worker: Worker, ms: number) {
  const limit = new AbortController()
  const before = processorMs(worker)
  const timer = setInterval(async () => {
    if ((await processorMs(worker)) - (await before) > ms) limit.abort()
  }, lookMs)
  return { signal: limit.signal, stop: () => clearInterval(timer) }
}

async function convertNow(page: Page, { signal, processorMsMax }: Conversion): Promise<Converted> {
  busy += 1
  const worker = wake() ?? start()
  const processor = limitProcessorTime(worker, processorMsMax)
  try {
    worker.ref()
    worker.postMessage(page, [page.bytes.buffer as ArrayBuffer])
    const [converted] = await once(worker, 'message', {
      signal: AbortSignal.any([signal, processor.signal]),
    })
    rest(worker)
    return converted
  } catch (error) {
    void worker.terminate()
    signal.throwIfAborted()
    if (processor.signal.aborted) throw tookTooLong()
    if ((error as NodeJS.ErrnoException).code !== 'ERR_WORKER_OUT_OF_MEMORY') throw error
    throw new ToolError('The page takes too much memory to convert. Ask for it raw, or as text.')
  } finally {
    processor.stop()
    busy -= 1
  }
}

/** Has a thread load what it needs while the page is on its way. */
export function warmUp(): void {
  if (resting.size === 0 && busy < workersMax) rest(start())
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
