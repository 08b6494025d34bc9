import type { Visit } from './visit.ts'

/** Record of one connection to a stream. All times are in ms since the request. */
export type Heard = {
  status: number
  contentType: string
  encoding: string
  /** Beginning of a response that is not a stream. */
  body: string
  headersMs?: number
  /** The first byte of the stream. */
  firstMs?: number
  /** Number of heartbeats. */
  signs: number
  /** Maximum number of heartbeats in one chunk. */
  signsAtOnce: number
  /** End of the connection, unless the client ended it. */
  endedMs?: number
  /** The server announced that it would close the connection. */
  isPlanned: boolean
}

export type Patience = {
  headersMs: number
  /** From the headers to the first byte. */
  firstMs: number
  /** Maximum time. `isWhole`: use all of it, also after a heartbeat. */
  totalMs: number
  isWhole: boolean
}

/** Follows a session's stream and records times. Contract: rejects only on abort. */
export async function listen(visit: Visit, sessionId: string, patience: Patience): Promise<Heard> {
  const heard: Heard = {
    status: 0,
    contentType: '',
    encoding: '',
    body: '',
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
      if (heard.status !== 200) heard.body = (await response.text()).slice(0, bodyMax)
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

const bodyMax = 2_000
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

/** Records a chunk of the stream. Comments and events count as heartbeats. */
function note(heard: Heard, text: string): void {
  const signs = text.match(/^(:|event: (?!connected|disconnecting))/gm)?.length ?? 0
  heard.signs += signs
  heard.signsAtOnce = Math.max(heard.signsAtOnce, text.match(/^:/gm)?.length ?? 0)
  heard.isPlanned ||= /^event: disconnecting/m.test(text)
}
