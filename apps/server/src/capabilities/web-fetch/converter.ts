import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { createShares } from '../../shares.ts'
import { ToolError } from '../capability.ts'
import type { Converted, SourcePage } from './convert.ts'

/** Divides conversions of the node: an organization leaves a thread to others, which take turns. */
const workersMax = 4
const shares = createShares(
  { slots: workersMax, slotsEach: workersMax - 1, waitingMax: 2_000, waitingEachMax: 200 },
  () => new ToolError('Too many pages are waiting to be converted. Try again later.'),
)
const idleMs = 60_000
const lookMs = 250
const resourceLimits = { maxOldGenerationSizeMb: 384, maxYoungGenerationSizeMb: 32, stackSizeMb: 4 }

/** Idle threads with the timers that end them. */
const resting = new Map<Worker, NodeJS.Timeout>()
let busy = 0

export type Conversion = {
  orgId: string
  signal: AbortSignal
  /** Limit of processor time in ms: on a loaded machine wall-clock time is unreliable. */
  processorMsMax: number
}

/**
 * Converts a page in a separate thread, which is ended by `signal` or by its memory limit.
 * Contract: transfers `page.bytes`, which is unusable afterwards; throws ToolError when a page
 * exceeds the limits, and the reason of `signal`.
 */
export function convertInThread(page: SourcePage, conversion: Conversion): Promise<Converted> {
  const { orgId, signal } = conversion
  return shares.run(orgId, () => convertNow(page, conversion), signal)
}

const tookTooLong = () =>
  new ToolError('The page takes too long to convert. Request it raw or as text.')

/** The processor time of a thread in ms; 0 while it is not running. */
const processorMs = (worker: Worker) =>
  worker.cpuUsage().then(
    ({ user, system }) => (user + system) / 1_000,
    () => 0,
  )

/** Aborts after `ms` more processor time of the thread. */
function limitProcessorTime(worker: Worker, ms: number) {
  const limit = new AbortController()
  const before = processorMs(worker)
  const timer = setInterval(async () => {
    if ((await processorMs(worker)) - (await before) > ms) limit.abort()
  }, lookMs)
  return { signal: limit.signal, stop: () => clearInterval(timer) }
}

async function convertNow(
  page: SourcePage,
  { signal, processorMsMax }: Conversion,
): Promise<Converted> {
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
    throw new ToolError('The page takes too much memory to convert. Request it raw or as text.')
  } finally {
    processor.stop()
    busy -= 1
  }
}

/** Starts a thread that loads its modules during the download of a page. */
export function warmUp(): void {
  if (resting.size === 0 && busy < workersMax) rest(start())
}

/** Takes the most recently used idle thread, whose caches are warm. */
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
  const end = () => {
    // A page that comes before the thread has ended starts another one.
    resting.delete(worker)
    void worker.terminate()
  }
  resting.set(worker, setTimeout(end, idleMs).unref())
}

function start(): Worker {
  // The thread has no environment and no secrets: pages are untrusted input.
  const worker = new Worker(new URL('./worker.ts', import.meta.url), {
    name: 'web_fetch',
    env: {},
    resourceLimits,
  })
  worker.on('error', () => resting.delete(worker))
  worker.on('exit', () => resting.delete(worker))
  return worker
}
