import type { FastifyRequest } from 'fastify'
import type { Log } from '../../log.ts'

const pauseMs = 1_000
const secretLengthMin = 6

/**
 * Reports failures of `auth.verify`, at most one a second, so that requests cannot fill the log.
 * Contract: a line contains no credential of the request.
 */
export function createFailureLog(log: Log) {
  let quietUntil = 0
  let omitted = 0
  return (request: FastifyRequest, error: unknown) => {
    const now = performance.now()
    if (now < quietUntil) {
      omitted += 1
      return
    }
    quietUntil = now + pauseMs
    const about = { request: request.id, error: withoutCredentials(request, error), omitted }
    log.error('auth.verify failed: the request is refused', about)
    omitted = 0
  }
}

/** The text of an error without parts of the request's headers and query. */
function withoutCredentials({ headers, url }: FastifyRequest, error: unknown): string {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  const query = url.split('?')[1] ?? ''
  const given = [...Object.entries(headers), ['query', query]]
  const parts = given
    .filter(([name]) => !ordinary.has(String(name)))
    .flatMap(([, value]) => String(value).split(/[\s;,=&.]+/))
    .filter(({ length }) => length >= secretLengthMin)
    .toSorted((a, b) => b.length - a.length)
  return parts.reduce((rest, part) => rest.replaceAll(part, '…'), text)
}

/** Headers without credentials, whose words are common in errors. */
const ordinary = new Set([
  'accept',
  'accept-encoding',
  'accept-language',
  'connection',
  'content-length',
  'content-type',
  'host',
  'origin',
  'user-agent',
])
