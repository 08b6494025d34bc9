import { type Health, OutlastError } from '@outlast/sdk'
import { clientVersion } from '../core/version.ts'
import { type Finding, lasting, ok, proxyAdvice, warning, wrong } from './finding.ts'
import type { Visit } from './visit.ts'

const skewMsMax = 30_000
const slowMs = 2_000

/** Checks the server at the address. `health` is set only for Outlast. */
export async function checkServer(visit: Visit): Promise<{ finding: Finding; health?: Health }> {
  const check = 'server'
  const { outlast, url, signal } = visit
  try {
    const health = await outlast.health.get({ signal })
    if (typeof health?.version !== 'string') return { finding: stranger('unexpected JSON') }
    return { finding: answered(health, visit.latest()!.tookMs), health }
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof OutlastError)) throw error
    const { code, message, status } = error
    if (code === 'not_outlast') {
      return { finding: movedTo(url, visit.latest()!.response) ?? stranger(responseOf(visit)) }
    }
    if (code === 'timeout') {
      const advice = 'The server is overloaded or blocked. Check its log, or restart it.'
      return {
        finding: wrong(
          check,
          `The server accepts connections but does not respond: ${message}`,
          advice,
        ),
      }
    }
    if (status === 429) return { finding: wrong(check, message, 'Wait a minute and try again.') }
    const advice = 'Another program may use this port. --url selects another server.'
    return { finding: wrong(check, message, advice) }
  }
}

function answered({ version }: Health, tookMs: number): Finding {
  const check = 'server'
  const sentence = `Outlast ${version} responded in ${lasting(tookMs)}.`
  if (tookMs < slowMs) return ok(check, sentence)
  return warning(
    check,
    sentence,
    'The response is slow. The server or the network may be overloaded.',
  )
}

function stranger(received: string): Finding {
  const advice =
    'Check that --url is the URL of Outlast, and not of a sign-in page, a proxy or another program.'
  return wrong('server', `The response is not from Outlast: ${received}.`, advice)
}

function responseOf(visit: Visit): string {
  const { response } = visit.latest()!
  const type = response.headers.get('content-type') ?? 'no content type'
  return `${response.status} with ${type}`
}

/** Detects a redirect to another origin. It is not followed, so that no key is sent there. */
function movedTo(url: URL, { status, headers }: Response): Finding | undefined {
  const location = headers.get('location') ?? ''
  if (status < 300 || status >= 400 || !URL.canParse(location, url.href)) return undefined
  const { origin } = new URL(location, url)
  if (origin === url.origin) return undefined
  const advice = `If Outlast runs there, use --url ${origin}. Requests with keys do not follow redirects.`
  return wrong('server', `${url.origin} redirects to ${origin}.`, advice)
}

export async function checkDatabase(visit: Visit, { database }: Health): Promise<Finding> {
  const check = 'database'
  if (database !== 'ok') {
    const advice =
      'Check PostgreSQL and DATABASE_URL of the server. The server recovers when the database is back.'
    return wrong(check, 'The server cannot reach its database.', advice)
  }
  return (await visit.outlast.health.isReady({ signal: visit.signal }))
    ? ok(check, 'The database is reachable, and the server accepts requests.')
    : wrong(check, 'The server is shutting down.', 'Wait for its restart, or start it.')
}

/** Compares versions: another major or minor version may have an unknown format. */
export function checkVersion({ version }: Health): Finding {
  const check = 'version'
  const own = clientVersion()
  const short = (text: string) => text.split('.').slice(0, 2).map(Number)
  const [ours, theirs] = [short(own), short(version)]
  if (ours.join('.') === theirs.join('.'))
    return ok(check, `Client and server have version ${own.split('.').slice(0, 2).join('.')}.`)
  const isOlder = ours[0]! < theirs[0]! || (ours[0] === theirs[0] && ours[1]! < theirs[1]!)
  const sentence = `The client has version ${own}, the server ${version}.`
  return warning(
    check,
    sentence,
    isOlder
      ? `Install version ${version} of the client.`
      : 'Upgrade the server, or use a client of its version.',
  )
}

/** Compares clocks, which decide when tokens expire. */
export function checkClock(visit: Visit): Finding {
  const check = 'clock'
  const { response, at, tookMs } = visit.latest()!
  const serverTime = Date.parse(response.headers.get('date') ?? '')
  if (Number.isNaN(serverTime)) {
    return warning(check, 'The response has no date.', proxyAdvice)
  }
  // The header has whole seconds, so it is 500 ms behind on average.
  const skewMs = serverTime + 500 - (at - tookMs / 2)
  if (Math.abs(skewMs) <= skewMsMax) return ok(check, 'The clocks of client and server agree.')
  const way = skewMs > 0 ? 'ahead of' : 'behind'
  const sentence = `The server's clock is ${lasting(Math.abs(skewMs))} ${way} this machine's.`
  return warning(
    check,
    sentence,
    'Synchronize both clocks with NTP. Otherwise tokens expire at the wrong time.',
  )
}
