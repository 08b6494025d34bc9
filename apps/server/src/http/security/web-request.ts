import type { FastifyRequest } from 'fastify'

type Wanted = {
  signal: AbortSignal
  /** True for a credential of this server, which is left out of cookies and the query. */
  isOwn: (credential: string) => boolean
}

/** Returns a request as a web Request: its method, address and headers, without its body. */
export function webRequestOf(request: FastifyRequest, { signal, isOwn }: Wanted): Request {
  const { method, headers: given, protocol, host, originalUrl } = request
  const headers = new Headers()
  for (const [name, value] of Object.entries(given)) {
    for (const one of [value ?? []].flat()) headers.append(name, one)
  }
  const cookies = headers.get('cookie')?.split(';') ?? []
  const others = cookies.filter((cookie) => !isOwn(cookie.slice(cookie.indexOf('=') + 1).trim()))
  if (others.length < cookies.length) headers.set('cookie', others.join(';'))
  const address = URL.parse(`${protocol}://${host}${originalUrl}`)
  const url = address ?? new URL(originalUrl, 'http://localhost')
  for (const [name, value] of [...url.searchParams]) {
    if (isOwn(value)) url.searchParams.delete(name)
  }
  const web = new Request(url, { method, headers, signal })
  // Its own signal follows this one only until the request is collected.
  signal.addEventListener('abort', () => web.signal)
  return web
}
