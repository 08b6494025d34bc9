import { createWriteStream, type WriteStream } from 'node:fs'
import { rename, rm, stat } from 'node:fs/promises'
import type { Context } from '../core/command.ts'
import { UsageError } from '../core/failure.ts'
import { whyOf } from '../input/input-file.ts'
import { progressOf, sizeText } from '../output/progress.ts'

/**
 * Writes a stream to a file or stdout. A pipe or a device is written to, never replaced.
 * Contract: after a failure a file is unchanged.
 */
export async function saveStream(
  { io, out, signal }: Pick<Context, 'io' | 'out' | 'signal'>,
  parts: AsyncIterable<Uint8Array>,
  file: string | undefined,
): Promise<void> {
  if (file === undefined || file === '-') {
    for await (const part of untilAborted(parts, signal)) await out.write(part)
    return
  }
  const isWhole = !(await isOpenEnded(file))
  const draft = isWhole ? `${file}.${process.pid}.part` : file
  const progress = progressOf(io, `Writing ${file}`)
  try {
    const stream = createWriteStream(draft, { flags: isWhole ? 'wx' : 'w' })
    const size = await writeParts(stream, untilAborted(parts, signal), progress.show)
    if (isWhole) await rename(draft, file)
    progress.end()
    out.note(`Wrote ${file} (${sizeText(size)}).`)
  } catch (error) {
    progress.end()
    if (isWhole) await rm(draft, { force: true })
    const isOfFile = typeof (error as NodeJS.ErrnoException).syscall === 'string'
    if (!isOfFile) throw error
    throw new UsageError(`${file} cannot be written: ${whyOf(error as Error)}.`)
  }
}

/** True for a pipe, a device or a socket. */
const isOpenEnded = (file: string) =>
  stat(file).then(
    (found) => !found.isFile() && !found.isDirectory(),
    () => false,
  )

async function writeParts(
  stream: WriteStream,
  parts: AsyncIterable<Uint8Array>,
  show: (size: number) => void,
): Promise<number> {
  const failed = new Promise<never>((_resolve, reject) => stream.once('error', reject))
  failed.catch(() => {})
  let size = 0
  try {
    for await (const part of parts) {
      const isFull = !stream.write(part)
      size += part.length
      show(size)
      if (isFull) await Promise.race([failed, new Promise<void>((go) => stream.once('drain', go))])
    }
    await Promise.race([failed, new Promise<void>((done) => stream.end(done))])
    return size
  } finally {
    stream.destroy()
  }
}

/** Contract: rejects with the signal's reason on abort, even without new parts. */
async function* untilAborted<T>(parts: AsyncIterable<T>, signal: AbortSignal) {
  const iterator = parts[Symbol.asyncIterator]()
  try {
    for (;;) {
      const { done, value } = await orAborted(iterator.next(), signal)
      if (done) return
      yield value
    }
  } finally {
    // Not awaited: after an abort it waits for the next part.
    iterator.return?.().catch(() => {})
  }
}

/**
 * Settles like `work`, or rejects on abort. Unlike a race with one promise for all parts, it keeps
 * no part afterwards.
 */
function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    const settled = () => signal.removeEventListener('abort', abort)
    signal.addEventListener('abort', abort)
    if (signal.aborted) abort()
    work.then(resolve, reject).finally(settled)
  })
}
