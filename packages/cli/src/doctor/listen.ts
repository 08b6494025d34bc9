import type { Visit } from './visit.ts'

/** What came of one connection to a stream. All times are from the request on, in ms. */
export type Heard = {
  status: number
  contentType: string
  encoding: string
  /** What an answer that is no stream says, or the beginning of it. */
  said: string
  headersMs?: number
  /** The first byte of the stream. */
  firstMs?: number
  /** How often something came that the server sends to show that it lives. */
  signs: number
  /** The most of these that came in one piece. */
  signsAtOnce: number
  /** The end of the connection, unless we ended it. */
  endedMs?: number
  /** The server said that it was about to close. */
  isPlanned: boolean
}

export type Patience = {
  headersMs: number
  /** From the headers to the first byte. */
  firstMs: number
  /** How long to listen at most; `isWhole`: also when a sign of life has come. */
  totalMs: number
  isWhole: boolean
}

/** Follows a session's stream as a program and records times. Contract: rejects only if aborted. */
export async function listen(visit: Visit, sessionId: string, patience: Patience): Promise<Heard> {
  const heard: Heard = {
    status: 0,
    contentType: '',
    encoding: '',
    said: '',
    signs: 0,
    signsAtOnce: 0,
    isPlanned: false,
  }
  const closing = new AbortController()
  const close = () => closing.abort()
  visit.signal.addEventListener('abort', close)
  const begun = performance.now()
  const sinceMs = () => performance.now() - begun
  let limit = setTimeout(close, patience.headersMs)
  const waitFor = (ms: number) => {
    clearTimeout(limit)
    limit = setTimeout(close, ms)
  }
  try {
    const response = await fetch(addressOf(visit, sessionId), {
      headers: headersOf(visit),
      signal: closing.signal,
    })
    heard.headersMs = sinceMs()
    waitFor(patience.firstMs)
    describe(heard, response)
    if (!isStream(heard)) {
      if (heard.status !== 200) heard.said = (await response.text()).slice(0, saidMax)
      return heard
    }
    for await (const bytes of response.body!) {
      heard.firstMs ??= sinceMs()
      note(heard, decoder.decode(bytes))
      if (heard.signs > 0 && !patience.isWhole) return heard
      waitFor(patience.totalMs - sinceMs())
    }
    heard.endedMs = sinceMs()
  } catch {
    if (!closing.signal.aborted) heard.endedMs = sinceMs()
  } finally {
    clearTimeout(limit)
    closing.abort()
    visit.signal.removeEventListener('abort', close)
    visit.signal.throwIfAborted()
  }
  return heard
}

const saidMax = 2_000
const decoder = new TextDecoder()

export const isStream = ({ status, contentType }: Heard) =>
  status === 200 && contentType.startsWith('text/event-stream')

function addressOf({ profile }: Visit, sessionId: string): string {
  const base = profile.url.replace(/\/+$/, '')
  return `${base}/v1/sessions/${encodeURIComponent(sessionId)}/sse?exclude=session.started`
}

const headersOf = ({ profile: { api_key, org_id } }: Visit) => ({
  accept: 'text/event-stream',
  ...(api_key && { authorization: `Bearer ${api_key}` }),
  ...(org_id && { 'x-org-id': org_id }),
})

function describe(heard: Heard, { status, headers }: Response): void {
  heard.status = status
  heard.contentType = headers.get('content-type') ?? 'no content type'
  heard.encoding = headers.get('content-encoding') ?? ''
}

/** One piece of the stream: comments are signs of life, and so are events. */
function note(heard: Heard, text: string): void {
  const signs = text.match(/^(:|event: (?!connected|disconnecting))/gm)?.length ?? 0
  heard.signs += signs
  heard.signsAtOnce = Math.max(heard.signsAtOnce, text.match(/^:/gm)?.length ?? 0)
  heard.isPlanned ||= /^event: disconnecting/m.test(text)
}
