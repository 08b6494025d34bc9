import { OutlastError } from '@outlast/sdk'
import { NotFoundError } from '../core/failure.ts'
import { findResource, kinds } from '../core/resources.ts'
import { ended, type Finding, failed, lasting, ok, warning, wrong } from './finding.ts'
import { type Heard, isStream, listen, type Patience } from './listen.ts'
import type { Visit } from './visit.ts'

const check = 'stream'
const patience = { headersMs: 4_000, firstMs: 3_000 }
/** Slightly more than the heartbeat interval of servers. */
const totalMsDefault = 12_000
const lateMs = 1_000
const atOnceMax = 2

export type Listening = { sessionId?: string | undefined; seconds?: number | undefined }

/** Checks that proxies pass a stream on at once, unchanged, and without a timeout. */
export async function checkStream(
  visit: Visit,
  { sessionId, seconds }: Listening,
): Promise<Finding> {
  try {
    const session = await sessionFor(visit, sessionId)
    if (!session) {
      const advice = 'Create an agent, or pass a session with --session.'
      return warning(check, 'There is no session, and no agent to create one with.', advice)
    }
    const totalMs = seconds === undefined ? totalMsDefault : seconds * 1000
    visit.waiting(`a stream stays open, for up to ${totalMs / 1000} s`)
    const asked = { ...patience, totalMs, isWhole: seconds !== undefined }
    try {
      return judge(await listen(visit, session.id, asked), asked)
    } finally {
      await session.remove()
    }
  } catch (error) {
    visit.signal.throwIfAborted()
    if (error instanceof NotFoundError) {
      return wrong(check, error.message, 'Pass another session with --session.')
    }
    return failed(check, error)
  }
}

type Borrowed = { id: string; remove: () => Promise<void> }

/** Selects the named session, else a temporary one, else, without write access, any session. */
async function sessionFor(
  { outlast, signal }: Visit,
  named: string | undefined,
): Promise<Borrowed | undefined> {
  const keep = async () => {}
  if (named !== undefined) {
    const { id } = await findResource(kinds.SESSION!, named, { outlast, signal })
    return { id: (await outlast.sessions.get(id, { signal })).id, remove: keep }
  }
  const [agent] = (await outlast.agents.list({ limit: 1 }, { signal })).data
  try {
    if (agent) {
      const body = { agent_id: agent.id, title: 'outlast doctor' }
      const { id } = await outlast.sessions.create(body, { signal })
      // The session is also deleted after Ctrl-C.
      return { id, remove: () => outlast.sessions.delete(id).catch(() => {}) }
    }
  } catch (error) {
    if ((error as OutlastError).status !== 403) throw error
  }
  const [any] = (await outlast.sessions.list({ limit: 1 }, { signal })).data
  return any && { id: any.id, remove: keep }
}

const buffering =
  'Disable buffering in the proxy: `proxy_buffering off` in nginx, `flush_interval -1` in Caddy. See docs/reverse-proxy.md.'
const cutting =
  'Raise the read timeout of the proxy to 60 s, at least 15 s. See docs/reverse-proxy.md.'
const compressing = 'Exclude text/event-stream from compression.'

function judge(heard: Heard, asked: Patience): Finding {
  const { headersMs, firstMs, endedMs, signs, encoding } = heard
  if (headersMs === undefined) {
    return endedMs === undefined
      ? wrong(
          check,
          `Requests succeed, but no stream begins within ${lasting(asked.headersMs)}. A proxy buffers the whole response.`,
          buffering,
        )
      : wrong(check, 'The connection closed before the stream began.', cutting)
  }
  if (!isStream(heard)) return noStream(heard)
  if (endedMs !== undefined && !heard.isPlanned) {
    return wrong(check, `The stream was cut after ${lasting(endedMs)}, not by the server.`, cutting)
  }
  if (firstMs === undefined) {
    return wrong(
      check,
      `The stream begins, but no data arrives for ${lasting(asked.firstMs)}. A proxy buffers it.`,
      buffering,
    )
  }
  const isSlow = firstMs > lateMs || heard.signsAtOnce > atOnceMax
  if (isSlow && encoding) {
    return wrong(
      check,
      `The stream is compressed (${encoding}) and arrives late, in large chunks.`,
      compressing,
    )
  }
  if (isSlow) {
    return warning(
      check,
      `The stream arrives late, in large chunks, the first one after ${lasting(firstMs)}.`,
      buffering,
    )
  }
  if (signs === 0 && !heard.isPlanned) {
    return warning(
      check,
      `The stream began after ${lasting(firstMs)} and then had no data for ${lasting(asked.totalMs)}.`,
      `${buffering} Or SSE_HEARTBEAT_MS of the server is longer.`,
    )
  }
  if (encoding) {
    return warning(check, `A proxy compresses the stream (${encoding}).`, compressing)
  }
  return ok(check, healthy(heard, asked))
}

function healthy({ firstMs, isPlanned, endedMs }: Heard, { totalMs, isWhole }: Patience): string {
  const begun = `The stream began after ${lasting(firstMs!)}`
  if (isPlanned) return `${begun}. The server closed it as planned after ${lasting(endedMs ?? 0)}.`
  return isWhole
    ? `${begun} and was alive after ${lasting(totalMs)}.`
    : `${begun} and sends heartbeats.`
}

/** Describes a response that is not a stream. */
function noStream({ status, contentType, body }: Heard): Finding {
  if (status === 200) {
    const sentence = `The stream arrives as ${contentType}, which clients refuse.`
    return wrong(
      check,
      sentence,
      'A proxy changes the content type. It must forward text/event-stream unchanged.',
    )
  }
  return failed(check, asError(status, body))
}

function asError(status: number, body: string): OutlastError {
  try {
    const { code, error } = JSON.parse(body)
    if (typeof code === 'string' && typeof error === 'string') {
      return new OutlastError(code, ended(error), { status })
    }
  } catch {
    // A body that is not JSON is from a proxy.
  }
  return new OutlastError('not_outlast', `The request for the stream returned ${status}.`, {
    status,
  })
}
