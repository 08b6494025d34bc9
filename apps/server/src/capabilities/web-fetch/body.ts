import { setImmediate } from 'node:timers/promises'
import { fetchBudgetCode } from '../../providers/fetch-budget.ts'
import { ToolError } from '../capability.ts'

/** Why no more of a body was read. */
export type BodyEnding = 'whole' | 'limit' | 'late' | 'broken'

export type Body = { bytes: Uint8Array; ending: BodyEnding }

const firstBytes = 64 * 1024
const stretchMs = 5

/**
 * Reads a body, decompressed, up to a number of bytes; then the connection is closed. What has come
 * when it breaks, or when `late` aborts, is kept. Contract: throws what `signal` says, and when
 * nothing at all could be read.
 */
export async function readBody(
  response: Response,
  { bytesMax, late, signal }: { bytesMax: number; late: AbortSignal; signal: AbortSignal },
): Promise<Body> {
  let buffer = new ArrayBuffer(Math.min(firstBytes, bytesMax))
  let length = 0
  let ending: BodyEnding = 'whole'
  let since = performance.now()
  try {
    for await (const piece of response.body ?? []) {
      const fits = piece.subarray(0, bytesMax - length)
      buffer = grown(buffer, { length: length + fits.length, bytesMax })
      new Uint8Array(buffer).set(fits, length)
      length += fits.length
      if (fits.length < piece.length) {
        ending = 'limit'
        break
      }
      // Pieces of one byte come by the thousand: others have their turn in between.
      if (performance.now() - since > stretchMs) {
        await setImmediate()
        since = performance.now()
      }
    }
  } catch (error) {
    signal.throwIfAborted()
    const { code, message } = error as NodeJS.ErrnoException
    if (code === fetchBudgetCode) throw new ToolError(message)
    ending = late.aborted ? 'late' : 'broken'
    if (length === 0 && ending === 'late') throw error
    if (length === 0)
      throw new ToolError(
        'Nothing could be read: the page breaks off, or is not packed as it says.',
      )
  }
  return { bytes: new Uint8Array(buffer.transfer(length)), ending }
}

/** Copied as a whole: pieces that are kept would each keep more than they hold. */
function grown(buffer: ArrayBuffer, { length, bytesMax }: { length: number; bytesMax: number }) {
  if (length <= buffer.byteLength) return buffer
  return buffer.transfer(Math.min(bytesMax, Math.max(length, buffer.byteLength * 2)))
}
