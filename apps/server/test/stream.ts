import type { TestContext } from 'node:test'
import type { Event } from '@outlast/contract'

export type Frame = { event?: string; id?: string; data?: string; comment?: string }

/** Reads the frames of an SSE response. Ends with the response. */
export async function* framesOf(response: Response): AsyncGenerator<Frame> {
  let text = ''
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      yield frameOf(text.slice(0, end))
      text = text.slice(end + 2)
    }
  }
}

function frameOf(text: string): Frame {
  const frame: Frame = {}
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':')
    const value = line.slice(colon + 1).replace(/^ /, '')
    if (colon === 0) frame.comment = value
    else frame[line.slice(0, colon) as 'event'] = value
  }
  return frame
}

/** Follows a session and remembers all that came. `until` waits for the first frame that fits. */
export async function follow(
  t: Pick<TestContext, 'after'>,
  url: string,
  {
    sessionId,
    query = '',
    headers = {},
  }: { sessionId: string; query?: string; headers?: Record<string, string> },
) {
  const closing = new AbortController()
  t.after(() => closing.abort())
  const response = await fetch(`${url}/v1/sessions/${sessionId}/sse${query}`, {
    headers,
    signal: closing.signal,
  })
  const frames: Frame[] = []
  const events: Event[] = []
  const waiting = new Set<() => void>()
  let over = false
  const reading = (async () => {
    try {
      for await (const frame of framesOf(response)) {
        frames.push(frame)
        if (frame.id !== undefined) events.push(JSON.parse(frame.data!) as Event)
        for (const look of waiting) look()
      }
    } catch {
      // Closed by the test.
    }
    over = true
    for (const look of waiting) look()
  })()

  async function until<T>(find: () => T | undefined): Promise<T> {
    for (;;) {
      const found = find()
      if (found !== undefined) return found
      if (over) throw new Error(`the stream ended; it had ${events.map(({ type }) => type)}`)
      await new Promise<void>((resolve) => {
        const look = () => {
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
      })
    }
  }

  return {
    response,
    frames,
    events,
    until,
    /** The n-th event of a type. */
    event: <T extends Event['type']>(type: T, n = 1) =>
      until(() => events.filter((event) => event.type === type)[n - 1] as Event<T> | undefined),
    ended: reading,
    close: () => closing.abort(),
  }
}
