import type { UIChunk } from '@outlast/contract/folds/ai-sdk'

/** Reads the chunks of a response of server-sent events. Ends at `[DONE]`, or with the response. */
export async function* readChunks(response: Response): AsyncGenerator<UIChunk, void, undefined> {
  if (!response.body) return
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  try {
    for (;;) {
      const { done, value } = await reader.read()
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

/** The data of a frame; comments have none. */
const dataOf = (frame: string) =>
  frame
    .split('\n')
    .flatMap((line) => (line.startsWith('data:') ? [line.slice('data:'.length).trim()] : []))
    .join('\n')
