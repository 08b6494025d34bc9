import { linked } from './abort.ts'
import { OutlastError } from './error.ts'

/** Longest delay of a timer. */
const timerMsMax = 2_147_483_647

/**
 * Runs `work` until the caller's signal is aborted or the timeout is over. `again` begins the
 * timeout again, with more time.
 * Contract: settles at once then, even if `work` still waits; so `work` must check its signal
 * before each effect.
 */
export async function limited<T>(
  limitMs: number,
  outer: AbortSignal | undefined,
  work: (signal: AbortSignal, again: (moreMs?: number) => void) => Promise<T>,
): Promise<T> {
  outer?.throwIfAborted()
  const { controller, signal, unlink } = linked(outer)
  let timer: ReturnType<typeof setTimeout> | undefined
  const again = (moreMs = 0) => {
    const ms = limitMs + moreMs
    const late = () =>
      controller.abort(new OutlastError('timeout', `No data arrived within ${ms} ms.`))
    clearTimeout(timer)
    if (ms <= timerMsMax && !signal.aborted) timer = setTimeout(late, ms)
  }
  again()
  try {
    return await new Promise<T>((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason))
      work(signal, again).then(resolve, reject)
    })
  } finally {
    clearTimeout(timer)
    unlink()
  }
}

/**
 * Reads the parts of a body, each of which has the whole timeout. Returns undefined if there are
 * none: not all replacements of `fetch` offer them.
 */
async function chunksOf({ body }: Response, again: () => void) {
  const reader = body?.getReader?.()
  if (!reader) return
  const parts: Uint8Array<ArrayBuffer>[] = []
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    again()
    parts.push(read.value)
  }
  return parts
}

/** Reads a body as text; `again` begins the timeout again. */
export async function readText(response: Response, again: () => void): Promise<string> {
  const parts = await chunksOf(response, again)
  if (!parts) return response.text()
  const decoder = new TextDecoder()
  return parts.map((part) => decoder.decode(part, { stream: true })).join('') + decoder.decode()
}

/** Reads a body with its media type; `again` begins the timeout again. */
export async function readBlob(response: Response, again: () => void): Promise<Blob> {
  const parts = await chunksOf(response, again)
  const type = response.headers.get('content-type') ?? ''
  return parts ? new Blob(parts, { type }) : response.blob()
}
