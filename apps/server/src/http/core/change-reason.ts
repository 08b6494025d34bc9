import type { FastifyInstance } from 'fastify'
import { looksLikeCredential } from '../../access/credential-text.ts'
import { ApiError } from '../../errors.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Why the caller makes a change, for the audit log. */
    changeReason: string | undefined
  }
}

const lengthMax = 1_000
/** All control characters but line feed and tab. */
const controls = /[^\P{Cc}\n\t]/u
/** A password or a key after its name. */
const named = /\b(?:authorization|passw(?:or)?d|secret|token|api[_-]?key)\s*[:=]\s*\S{6,}/i

/** Reads `Everruns-Change-Reason` of every write. */
export function readChangeReasons(app: FastifyInstance): void {
  app.decorateRequest('changeReason')
  app.addHook('preValidation', (request, _reply, done) => {
    const given = request.headers['everruns-change-reason']
    if (given !== undefined && isWrite({ ...request.routeOptions, method: request.method })) {
      request.changeReason = changeReason(String(given))
    }
    done()
  })
}

export const isWrite = ({ method, url }: { method: unknown; url?: string }) =>
  method !== 'GET' && method !== 'HEAD' && url?.startsWith('/v1/') === true

/** Contract: throws `invalid_change_reason`. Undefined for an empty reason. */
function changeReason(header: string): string | undefined {
  const reason = decoded(header).trim()
  if ([...reason].length > lengthMax) throw invalid(`must have at most ${lengthMax} characters`)
  if (controls.test(reason)) throw invalid('must not contain control characters')
  if (looksLikeCredential(reason) || named.test(reason)) throw invalid('looks like a credential')
  return reason === '' ? undefined : reason
}

function decoded(header: string): string {
  try {
    if (/^[\x20-\x7e]*$/.test(header)) return decodeURIComponent(header)
  } catch {
    // Refused below.
  }
  throw invalid('must be UTF-8 with percent encoding')
}

const invalid = (problem: string) => new ApiError('invalid_change_reason', problem)
