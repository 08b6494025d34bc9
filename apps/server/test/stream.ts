import type { TestContext } from 'node:test'
import type { Change, Event, Session } from '@outlast/contract'

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

type Hook = Pick<TestContext, 'after'>
type Listening = { headers?: Record<string, string>; heard?: (frame: Frame) => unknown }

/** Reads a stream and records all frames. `until` waits for the first match. */
export async function listen(t: Hook, url: string, { headers = {}, heard = () => {} }: Listening) {
  const closing = new AbortController()
  t.after(() => closing.abort())
  const response = await fetch(url, { headers, signal: closing.signal })
  const frames: Frame[] = []
  const waiting = new Set<() => void>()
  let over = false
  const reading = (async () => {
    try {
      for await (const frame of framesOf(response)) {
        frames.push(frame)
        heard(frame)
        for (const look of waiting) look()
      }
    } catch {
      // Closed by the test.
    }
    over = true
    for (const look of waiting) look()
  })()

  async function until<T>(find: () => T): Promise<NonNullable<T>> {
    for (;;) {
      const found = find()
      if (found) return found
      if (over) throw new Error(`the stream ended; it had ${frames.map(({ event }) => event)}`)
      await new Promise<void>((resolve) => {
        const look = () => {
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
      })
    }
  }

  return { response, frames, until, ended: reading, close: () => closing.abort() }
}

/** Follows a session and records its events. */
export async function follow(
  t: Hook,
  url: string,
  {
    sessionId,
    query = '',
    headers = {},
  }: { sessionId: string; query?: string; headers?: Record<string, string> },
) {
  const events: Event[] = []
  const heard = ({ id, data }: Frame) => {
    if (id !== undefined) events.push(JSON.parse(data!) as Event)
  }
  const path = `/v1/sessions/${sessionId}/sse${query}`
  const stream = await listen(t, url + path, { headers, heard })
  return {
    ...stream,
    events,
    /** Waits for the n-th event of a type. */
    event: <T extends Event['type']>(type: T, n = 1) =>
      stream.until(
        () => events.filter((event) => event.type === type)[n - 1] as Event<T> | undefined,
      ),
  }
}

// biome-ignore lint/suspicious/noExplicitAny: tests look into data of every shape
export type NamedEvent = { event: string; data: any }

/** Watches the changes of an organization and records them. */
export async function watch(
  t: Hook,
  url: string,
  { query = '', headers = {} }: { query?: string; headers?: Record<string, string> } = {},
) {
  const told: NamedEvent[] = []
  const heard = ({ event, data }: Frame) => {
    if (event !== undefined) told.push({ event, data: JSON.parse(data!) })
  }
  const stream = await listen(t, `${url}/v1/changes${query}`, { headers, heard })
  const untilTold = (fits: (one: NamedEvent) => boolean) => stream.until(() => told.find(fits))
  return {
    ...stream,
    told,
    untilTold,
    event: (name: string) => untilTold(({ event }) => event === name),
    /** Waits for a reported session that matches. */
    async session(id: string, fits: (session: Session) => boolean = () => true): Promise<Session> {
      const found = await untilTold(
        ({ event, data }) => event === 'session.changed' && data.id === id && fits(data),
      )
      return found.data
    },
    changed: (noun: Change['noun'], id: string | null) =>
      untilTold(({ event, data }) => event === 'changed' && data.noun === noun && data.id === id),
  }
}
