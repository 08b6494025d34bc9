import { type Health, OutlastError } from '@outlast/sdk'
import { clientVersion } from '../core/version.ts'
import { type Finding, lasting, ok, proxyAdvice, warning, wrong } from './finding.ts'
import type { Visit } from './visit.ts'

const skewMsMax = 30_000
const slowMs = 2_000

/** What answers at the address; `health` only if that is Outlast. */
export async function checkServer(visit: Visit): Promise<{ finding: Finding; health?: Health }> {
  const check = 'server'
  const { outlast, url, signal } = visit
  try {
    const health = await outlast.health.get({ signal })
    if (typeof health?.version !== 'string') return { finding: stranger('something else') }
    return { finding: answered(health, visit.latest()!.tookMs), health }
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof OutlastError)) throw error
    const { code, message, status } = error
    if (code === 'not_outlast') {
      return { finding: movedTo(url, visit.latest()!.response) ?? stranger(whatCame(visit)) }
    }
    if (code === 'timeout') {
      const advice = 'The server is overloaded or stands still: look at its log, or start it again.'
      return { finding: wrong(check, `Connected, and then: ${message}`, advice) }
    }
    if (status === 429) return { finding: wrong(check, message, 'Wait a minute and look again.') }
    const advice = 'Is something else than Outlast at this port? --url names another address.'
    return { finding: wrong(check, message, advice) }
  }
}

function answered({ version }: Health, tookMs: number): Finding {
  const check = 'server'
  const sentence = `Outlast ${version} answers within ${lasting(tookMs)}.`
  if (tookMs < slowMs) return ok(check, sentence)
  return warning(check, sentence, 'That is slow: is the server, or the way to it, overloaded?')
}

function stranger(what: string): Finding {
  const advice =
    'Is --url the address of Outlast itself? A sign-in page, a proxy or another program may stand there.'
  return wrong('server', `Something else than Outlast answers: ${what}.`, advice)
}

function whatCame(visit: Visit): string {
  const { response } = visit.latest()!
  const type = response.headers.get('content-type') ?? 'no content type'
  return `${response.status} with ${type}`
}

/** Somebody who sends everybody elsewhere: nothing follows, so that no key gets there. */
function movedTo(url: URL, { status, headers }: Response): Finding | undefined {
  const location = headers.get('location') ?? ''
  if (status < 300 || status >= 400 || !URL.canParse(location, url.href)) return undefined
  const { origin } = new URL(location, url)
  if (origin === url.origin) return undefined
  const advice = `If Outlast is there, say --url ${origin}: keys and what is sent do not follow a redirect.`
  return wrong('server', `${url.origin} sends everybody to ${origin}.`, advice)
}

export async function checkDatabase(visit: Visit, { database }: Health): Promise<Finding> {
  const check = 'database'
  if (database !== 'ok') {
    const advice =
      'Look at PostgreSQL and at DATABASE_URL of the server. It goes on by itself when that is back.'
    return wrong(check, 'The server cannot reach its database.', advice)
  }
  return (await visit.outlast.health.isReady({ signal: visit.signal }))
    ? ok(check, 'The database is there, and the server takes requests.')
    : wrong(check, 'The server is being stopped.', 'Wait for the next one, or start it.')
}

/** Another major or minor version may say things that this client does not know. */
export function checkVersion({ version }: Health): Finding {
  const check = 'version'
  const own = clientVersion()
  const short = (text: string) => text.split('.').slice(0, 2).map(Number)
  const [ours, theirs] = [short(own), short(version)]
  if (ours.join('.') === theirs.join('.'))
    return ok(check, `Client and server are of ${own.split('.').slice(0, 2).join('.')}.`)
  const isOlder = ours[0]! < theirs[0]! || (ours[0] === theirs[0] && ours[1]! < theirs[1]!)
  const sentence = `This client is ${own}, the server ${version}.`
  return warning(
    check,
    sentence,
    isOlder
      ? `Install version ${version} of the client.`
      : 'Upgrade the server, or use a client of its version.',
  )
}

/** Tokens end by the clock, so the clocks should agree. */
export function checkClock(visit: Visit): Finding {
  const check = 'clock'
  const { response, at, tookMs } = visit.latest()!
  const said = Date.parse(response.headers.get('date') ?? '')
  if (Number.isNaN(said)) {
    return warning(check, 'The answer has no date.', proxyAdvice)
  }
  // The header has whole seconds: half of one is what it lacks on average.
  const skewMs = said + 500 - (at - tookMs / 2)
  if (Math.abs(skewMs) <= skewMsMax) return ok(check, 'The clocks of client and server agree.')
  const way = skewMs > 0 ? 'ahead of' : 'behind'
  const sentence = `The server's clock is ${lasting(Math.abs(skewMs))} ${way} this machine's.`
  return warning(check, sentence, 'Let NTP set both: tokens and expiry times go wrong otherwise.')
}
