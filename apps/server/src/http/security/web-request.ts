import type { FastifyRequest } from 'fastify'

/** Returns a request as a web Request: its method, address and headers, without its body. */
export function webRequestOf(request: FastifyRequest, signal: AbortSignal): Request {
  const { method, headers: given, protocol, host, originalUrl } = request
  const headers = new Headers()
  for (const [name, value] of Object.entries(given)) {
    for (const one of [value ?? []].flat()) headers.append(name, one)
  }
  const address = URL.parse(`${protocol}://${host}${originalUrl}`)
  const url = address ?? new URL(originalUrl, 'http://localhost')
  return new Request(url, { method, headers, signal })
}
