import type { WebAnswer, WebRequest } from './messages.ts'

const bodyBytesMax = 10 * 1024 * 1024
const timeoutMsMax = 30_000
const redirects = new Set([301, 302, 303, 307, 308])

export type Network = {
  /** Names of hosts; `*.example.com` covers every name below example.com. */
  allowedHosts: readonly string[]
  fetch: typeof fetch
  signal: AbortSignal
}

/**
 * Sends a request of `curl`, to allowed hosts only, also after redirects.
 * Contract: throws errors that `curl` prints; their first words set the exit code.
 */
export async function fetchAllowed(request: WebRequest, network: Network): Promise<WebAnswer> {
  const ends = AbortSignal.timeout(Math.min(request.timeoutMs ?? timeoutMsMax, timeoutMsMax))
  const signal = AbortSignal.any([network.signal, ends])
  let { url, method, body } = request
  const headers = new Headers(request.headers)
  for (let hops = 0; ; hops++) {
    checkUrl(url, network.allowedHosts, hops)
    const init = { method, headers, signal, redirect: 'manual' as const, ...(body && { body }) }
    const response = await network.fetch(url, init).catch((error) => {
      throw new Error(ends.aborted ? 'Operation aborted: it timed out' : causeMessage(error))
    })
    const next = request.followRedirects && redirectOf(response)
    if (!next) return answerOf(response, url)
    await response.body?.cancel()
    if (hops >= request.redirectsMax)
      throw new Error(`Too many redirects (${request.redirectsMax})`)
    const from = new URL(url)
    // The next check refuses an address that is invalid.
    url = URL.parse(next, from.href)?.href ?? next
    if (URL.parse(url)?.origin !== from.origin) {
      for (const name of ['authorization', 'cookie']) headers.delete(name)
    }
    // Like browsers and curl: a posted body is not sent again after a redirect, unless the status
    // requires it.
    if (response.status === 303 || (response.status < 303 && method === 'POST')) {
      if (method !== 'HEAD') method = 'GET'
      body = undefined
      for (const name of ['content-type', 'content-length']) headers.delete(name)
    }
  }
}

/** True when a list of names allows a host. */
export function isAllowed(host: string, allowedHosts: readonly string[]): boolean {
  const name = host.toLowerCase()
  return allowedHosts.some((allowed) => {
    const wanted = allowed.toLowerCase()
    return wanted.startsWith('*.') ? name.endsWith(wanted.slice(1)) : name === wanted
  })
}

function checkUrl(url: string, allowedHosts: readonly string[], hops: number): void {
  const begin = hops > 0 ? 'Redirect target not in allow-list' : 'Network access denied'
  const parsed = URL.parse(url)
  if (!parsed) throw new Error(`${begin}: invalid URL: ${url}`)
  if (parsed.protocol !== 'http:' && parsed.protocol !== 'https:') {
    throw new Error(`${begin}: only http and https are allowed`)
  }
  if (!isAllowed(parsed.hostname, allowedHosts)) {
    throw new Error(`${begin}: ${parsed.hostname}. Allowed: ${allowedHosts.join(', ')}`)
  }
}

const redirectOf = ({ status, headers }: Response) =>
  redirects.has(status) ? headers.get('location') : null

/** The message `fetch failed` has the reason in its cause. */
const causeMessage = (error: unknown) => {
  const { message, cause } = error as Error
  return cause instanceof Error ? cause.message : message
}

async function answerOf(response: Response, url: string): Promise<WebAnswer> {
  const parts: Uint8Array[] = []
  let length = 0
  for await (const part of response.body ?? []) {
    length += part.length
    if (length > bodyBytesMax) throw new Error(`The response is longer than ${bodyBytesMax} bytes`)
    parts.push(part)
  }
  return {
    status: response.status,
    statusText: response.statusText,
    headers: Object.fromEntries(response.headers),
    body: Buffer.concat(parts),
    url,
  }
}
