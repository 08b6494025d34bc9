import { setImmediate } from 'node:timers/promises'
import { fetchBudgetCode } from '../../outbound/fetch-budget.ts'
import { ToolError } from '../capability.ts'

/** Why reading a body ended. */
export type BodyEnding = 'whole' | 'limit' | 'late' | 'broken'

export type Body = { bytes: Uint8Array; ending: BodyEnding }

const firstBytes = 64 * 1024
const stretchMs = 5

/**
 * Reads a body, decompressed, up to a number of bytes; then closes the connection. Returns the part
 * read before an error or an abort of `late`.
 * Contract: throws the reason of `signal`, and an error when nothing could be read.
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
      // Yields to other tasks: thousands of one-byte pieces may arrive.
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
        'Nothing could be read: the response is incomplete or its compression is invalid.',
      )
  }
  return { bytes: new Uint8Array(buffer.transfer(length)), ending }
}

/** Copies pieces into one buffer: keeping them would retain their larger buffers. */
function grown(buffer: ArrayBuffer, { length, bytesMax }: { length: number; bytesMax: number }) {
  if (length <= buffer.byteLength) return buffer
  return buffer.transfer(Math.min(bytesMax, Math.max(length, buffer.byteLength * 2)))
}
