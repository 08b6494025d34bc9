import { OutlastError } from '@outlast/sdk'
import { ended, type Finding, failed, lasting, ok, warning, wrong } from './finding.ts'
import { type Heard, isStream, listen, type Patience } from './listen.ts'
import type { Visit } from './visit.ts'

const check = 'stream'
const patience = { headersMs: 4_000, firstMs: 3_000 }
/** A little more than the servers' pause between signs of life. */
const totalMsDefault = 12_000
const lateMs = 1_000
const atOnceMax = 2

export type Listening = { sessionId?: string | undefined; seconds?: number | undefined }

/** Whether a stream passes the proxies before the server: at once, unchanged, and for long. */
export async function checkStream(
  visit: Visit,
  { sessionId, seconds }: Listening,
): Promise<Finding> {
  try {
    const session = await sessionFor(visit, sessionId)
    if (!session) {
      const advice = 'Make an agent, or name a session with --session.'
      return warning(
        check,
        'There is no session to listen to, and no agent to make one of.',
        advice,
      )
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
    return failed(check, error)
  }
}

type Borrowed = { id: string; remove: () => Promise<void> }

/** The named session; else a temporary one; else, for callers without write access, any. */
async function sessionFor(
  { outlast, signal }: Visit,
  named: string | undefined,
): Promise<Borrowed | undefined> {
  const keep = async () => {}
  if (named !== undefined)
    return { id: (await outlast.sessions.get(named, { signal })).id, remove: keep }
  const [agent] = (await outlast.agents.list({ limit: 1 }, { signal })).data
  try {
    if (agent) {
      const body = { agent_id: agent.id, title: 'outlast doctor' }
      const { id } = await outlast.sessions.create(body, { signal })
      // Also after Ctrl-C: nothing is left behind.
      return { id, remove: () => outlast.sessions.delete(id).catch(() => {}) }
    }
  } catch (error) {
    if ((error as OutlastError).status !== 403) throw error
  }
  const [any] = (await outlast.sessions.list({ limit: 1 }, { signal })).data
  return any && { id: any.id, remove: keep }
}

const buffering =
  'Let the proxy pass on each piece at once: `proxy_buffering off` in nginx, `flush_interval -1` in Caddy; see docs/reverse-proxy.md.'
const cutting =
  'Let the proxy wait longer for the next piece: 60 s, and 15 s at the least; see docs/reverse-proxy.md.'
const compressing = 'Compress everything but text/event-stream.'

function judge(heard: Heard, asked: Patience): Finding {
  const { headersMs, firstMs, endedMs, signs, encoding } = heard
  if (headersMs === undefined) {
    return endedMs === undefined
      ? wrong(
          check,
          `Requests are answered, but a stream does not begin within ${lasting(asked.headersMs)}: something in front waits for its end.`,
          buffering,
        )
      : wrong(check, 'The connection broke before the stream began.', cutting)
  }
  if (!isStream(heard)) return noStream(heard)
  if (endedMs !== undefined && !heard.isPlanned) {
    return wrong(
      check,
      `The stream was cut after ${lasting(endedMs)}, and not by the server.`,
      cutting,
    )
  }
  if (firstMs === undefined) {
    return wrong(
      check,
      `A stream begins, but nothing comes for ${lasting(asked.firstMs)}: something in front gathers what the server sends.`,
      buffering,
    )
  }
  const isSlow = firstMs > lateMs || heard.signsAtOnce > atOnceMax
  if (isSlow && encoding) {
    return wrong(
      check,
      `The stream is compressed (${encoding}), and comes late and in lumps.`,
      compressing,
    )
  }
  if (isSlow) {
    return warning(
      check,
      `The stream comes late and in lumps, the first piece after ${lasting(firstMs)}.`,
      buffering,
    )
  }
  if (signs === 0 && !heard.isPlanned) {
    return warning(
      check,
      `The stream began after ${lasting(firstMs)}, and then said nothing for ${lasting(asked.totalMs)}.`,
      `${buffering} Or SSE_HEARTBEAT_MS of the server is longer.`,
    )
  }
  if (encoding) {
    return warning(check, `Something in front compresses the stream (${encoding}).`, compressing)
  }
  return ok(check, healthy(heard, asked))
}

function healthy({ firstMs, isPlanned, endedMs }: Heard, { totalMs, isWhole }: Patience): string {
  const begun = `A stream began after ${lasting(firstMs!)}`
  if (isPlanned)
    return `${begun}, and the server closed it as planned after ${lasting(endedMs ?? 0)}.`
  return isWhole
    ? `${begun}, and was still alive after ${lasting(totalMs)}.`
    : `${begun}, and shows that it lives.`
}

/** Something else than a stream came in its place. */
function noStream({ status, contentType, said }: Heard): Finding {
  if (status === 200) {
    const sentence = `The stream comes as ${contentType}, and so no client takes it for one.`
    return wrong(
      check,
      sentence,
      'Something in front changes it: let it pass text/event-stream as it is.',
    )
  }
  return failed(check, asError(status, said))
}

function asError(status: number, said: string): OutlastError {
  try {
    const { code, error } = JSON.parse(said)
    if (typeof code === 'string' && typeof error === 'string') {
      return new OutlastError(code, ended(error), { status })
    }
  } catch {
    // What is no JSON is not the server's.
  }
  return new OutlastError('not_outlast', `The stream's request was answered with ${status}.`, {
    status,
  })
}
