import { fetchBudgetCode } from '../../outbound/fetch-budget.ts'
import { ToolError } from '../capability.ts'
import type { Redact } from '../secrets/redact.ts'
import { matchesDomain, plainHost } from './domains.ts'
import type { WebFetchSettings } from './settings.ts'

export type FetchRequest = {
  method: 'GET' | 'HEAD'
  rules: WebFetchSettings
  fetch: typeof fetch
  secrets: RequestSecrets
  /** Aborts at the time limit and with the call. */
  signal: AbortSignal
}

/** The secrets of a call. */
export type RequestSecrets = {
  /** Headers for a URL. Contract: throws ApiErrors about secrets. */
  headersFor: (url: URL) => Promise<Record<string, string>>
  /** Removes the secrets sent so far. */
  redact: () => Redact
}

/**
 * Requests a page and follows redirects; every URL is checked against the rules.
 * Contract: throws ToolError for a fault of the URL or the server, and the error of an aborted
 * `fetch`.
 */
export async function request(
  given: string,
  asked: FetchRequest,
): Promise<{ response: Response; url: URL }> {
  const seen = new Set<string>()
  let url = permittedUrl(given, asked.rules)
  while (true) {
    seen.add(withoutFragment(url))
    const response = await ask(url, asked)
    const next = targetOf(response, url)
    if (next === undefined) return { response, url }
    await response.body?.cancel()
    if (seen.size > asked.rules.redirects_max) {
      throw new ToolError(
        `${url.host} redirects once more, to ${shown(next, asked)}; redirects are limited to ${asked.rules.redirects_max}.`,
      )
    }
    url = permittedUrl(next, asked.rules)
    if (seen.has(withoutFragment(url))) {
      throw new ToolError(`The page redirects in a circle, back to ${shown(url.href, asked)}.`)
    }
  }
}

function shown(address: string, { secrets }: FetchRequest): string {
  const text = secrets.redact().text(address)
  return text.length > 300 ? `${text.slice(0, 300)}…` : text
}

function withoutFragment(url: URL): string {
  const plain = new URL(url)
  plain.hash = ''
  return plain.href
}

/** The target of a redirect; undefined for other responses. */
function targetOf(response: Response, from: URL): string | undefined {
  const location = response.headers.get('location')
  if (![301, 302, 303, 307, 308].includes(response.status) || location === null) return undefined
  if (!URL.canParse(location, from.href)) {
    throw new ToolError(`${from.host} redirects to an invalid URL.`)
  }
  const target = new URL(location, from)
  if (target.username || target.password) {
    throw new ToolError(`${from.host} redirects to a URL with a user or a password.`)
  }
  return target.href
}

function permittedUrl(given: string, { allowed_domains, blocked_domains }: WebFetchSettings): URL {
  if (!URL.canParse(given)) {
    throw new ToolError('The url must be complete and begin with http:// or https://.')
  }
  const url = new URL(given)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new ToolError(
      `The url must begin with http:// or https://; ${url.protocol} is not supported.`,
    )
  }
  if (url.username || url.password) {
    throw new ToolError('The url must not contain a user or a password.')
  }
  const host = plainHost(url.hostname)
  const isAllowed = allowed_domains === undefined || matchesDomain(host, allowed_domains)
  if (!isAllowed || matchesDomain(host, blocked_domains ?? [])) {
    throw new ToolError(`${url.hostname} is not an allowed host.`)
  }
  return url
}

async function ask(
  url: URL,
  { method, rules, fetch, signal, secrets }: FetchRequest,
): Promise<Response> {
  const secret = await secrets.headersFor(url)
  try {
    return await fetch(url.href, {
      method,
      redirect: 'manual',
      signal,
      headers: {
        'user-agent': rules.user_agent,
        accept: 'text/html, application/xhtml+xml, text/*;q=0.9, application/json;q=0.9, */*;q=0.5',
        ...secret,
      },
    })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === fetchBudgetCode) throw new ToolError(message)
    signal.throwIfAborted()
    throw new ToolError(`${url.hostname} ${failureReason(error)}.`)
  }
}

const reasons: Record<string, string> = {
  ERR_PRIVATE_HOST: 'is not on the public internet and is not allowed',
  ERR_NETWORK_ACCESS: 'is not in the network access of this session',
  ENOTFOUND: 'is an unknown host name',
  EAI_AGAIN: 'cannot be resolved at the moment',
  ECONNREFUSED: 'refuses the connection',
  ECONNRESET: 'closed the connection without a response',
  EPIPE: 'closed the connection without a response',
  UND_ERR_SOCKET: 'closed the connection without a response',
  UND_ERR_CONNECT_TIMEOUT: 'does not respond',
  ETIMEDOUT: 'does not respond',
  EHOSTUNREACH: 'cannot be reached',
  ENETUNREACH: 'cannot be reached',
  UND_ERR_HEADERS_OVERFLOW: 'sends headers that are too large',
  CERT_HAS_EXPIRED: 'has a certificate that has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'has a certificate for another name',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'has a certificate of an unknown authority',
  SELF_SIGNED_CERT_IN_CHAIN: 'has a certificate of an unknown authority',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'has a certificate of an unknown authority',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'has a certificate of an unknown authority',
  EPROTO: 'does not speak TLS there',
}

/** Describes a failure without the system's text, which could name private addresses. */
export function failureReason(error: unknown): string {
  const cause = (error as Error).cause as (Error & { code?: string }) | undefined
  if (cause?.message === 'bad port') return 'cannot be fetched on that port'
  const code = cause?.code ?? ''
  if (/^(ERR_SSL|ERR_TLS)/.test(code)) return reasons[code] ?? 'does not speak TLS there'
  if (cause?.name === 'HTTPParserError') return 'sent a response that is not valid HTTP'
  return reasons[code] ?? 'could not be fetched'
}
