import type { UIChunk } from '@outlast/contract/folds/ai-sdk'

/**
 * Reads the chunks of a response of server-sent events. Ends at `[DONE]`, or with the response.
 * Contract: throws if not a byte arrives for `silenceMs`: the server sends comments meanwhile.
 */
export async function* readChunks(
  response: Response,
  silenceMs: number,
): AsyncGenerator<UIChunk, void, undefined> {
  if (!response.body) return
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  try {
    for (;;) {
      const { done, value } = await unlessSilent(reader.read(), silenceMs)
      if (done) return
      text += value
      const frames = text.split('\n\n')
      text = frames.pop()!
      for (const frame of frames) {
        const data = dataOf(frame)
        if (data === '[DONE]') return
        if (data !== '') yield JSON.parse(data) as UIChunk
      }
    }
  } finally {
    await reader.cancel().catch(() => {})
  }
}

/** Throws after `silenceMs`: a connection whose other end is gone may never end. */
export async function unlessSilent<T>(read: Promise<T>, silenceMs: number): Promise<T> {
  const error = new Error(`The stream was silent for ${silenceMs} ms.`)
  let timer: ReturnType<typeof setTimeout> | undefined
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(error), silenceMs)
  })
  return Promise.race([read, silence]).finally(() => clearTimeout(timer))
}

/** The data of a frame; comments have none. */
const dataOf = (frame: string) =>
  frame
    .split('\n')
    .flatMap((line) => (line.startsWith('data:') ? [line.slice('data:'.length).trim()] : []))
    .join('\n')
