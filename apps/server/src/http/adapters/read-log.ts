import type { Event } from '@outlast/contract'
import type { FastifyRequest } from 'fastify'
import { readPage } from '../../store/log/events.ts'
import { presentEvents } from '../../store/log/present-events.ts'
import type { Api } from '../core/api.ts'
import { eventView, hiddenTypes } from '../security/token-view.ts'
import { checkReader } from './turn-stream.ts'

export type LogRange = { after: number; types?: readonly string[]; exclude?: readonly string[] }

/**
 * Passes stored events and their length as JSON to `isLast`, in log order, until it returns true or
 * the log ends. Returns the `sequence` of the session before the read.
 */
export type LogReader = (
  sessionId: string,
  range: LogRange,
  isLast: (event: Event, length: number) => boolean,
) => Promise<number>

const limit = 200

/**
 * Reads logs as the caller of a request sees them, in pages of limited bytes: a log may be larger
 * than the memory.
 * Contract: throws 404 for a session that the caller may not read.
 */
export function logReader(
  api: Pick<Api, 'node'>,
  request: Pick<FastifyRequest, 'principal' | 'db'>,
): LogReader {
  const { principal, db } = request
  const { orgId } = principal
  const hidden = hiddenTypes(principal)
  const view = eventView(principal)
  return async (sessionId, { after, types, exclude: unwanted = [] }, isLast) => {
    const upTo = await checkReader(api, request, sessionId, 'list_events')
    const wanted = types && [...types]
    const exclude = [...hidden, ...unwanted]
    for (let from = after; ; ) {
      const read = { after: from, upTo, types: wanted, exclude, limit }
      const { rows, more } = await readPage(db, sessionId, read)
      for await (const event of presentEvents(db, { orgId, sessionId }, rows)) {
        const shown = view ? view(event) : event
        if (shown && isLast(JSON.parse(shown.json) as Event, shown.json.length)) return upTo
      }
      if (!more) return upTo
      from = rows.at(-1)!.sequence
    }
  }
}
