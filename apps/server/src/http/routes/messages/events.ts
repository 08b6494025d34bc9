import {
  ErrorResponse,
  EventPage,
  EventQuery,
  eventTypes,
  type StreamQuery,
} from '@outlast/contract'
import type { Principal } from '../../../access/principal.ts'
import { ApiError, invalidAt } from '../../../errors.ts'
import { parseId } from '../../../ids.ts'
import type { Db } from '../../../store/database.ts'
import { countEvents, readPage } from '../../../store/log/events.ts'
import { presentEvents } from '../../../store/log/present-events.ts'
import { findSequence } from '../../../store/sessions/messages.ts'
import { jsonBatches } from '../../adapters/event-json.ts'
import type { Api } from '../../core/api.ts'
import { streamList } from '../../core/page.ts'
import { type EventView, eventView, hiddenTypes, visibleGiver } from '../../security/token-view.ts'
import { resumeFrom } from '../../streams/resume.ts'
import { countAll, eventPage, isSearch } from './event-pages.ts'

const batchSize = 200
const expandedMax = 100

type Params = { session_id: string }

export function eventRoutes({ app }: Api): void {
  app.route<{ Params: Params; Querystring: EventQuery }>({
    method: 'GET',
    url: '/v1/sessions/:session_id/events',
    config: { forToken: 'read' },
    schema: {
      operationId: 'list_events',
      querystring: EventQuery,
      response: { 200: EventPage, '4xx': ErrorResponse },
    },
    async handler({ params, principal, query, headers, db }, reply) {
      const sessionId = parseId('session', params.session_id)
      const filter = visibleTo(principal, filterOf(query))
      checkSearch(principal, query)
      const upTo = await findSequence(db, principal.orgId, sessionId)
      if (upTo === undefined) throw new ApiError('not_found', 'Session')
      const last_event_id = headers['last-event-id']
      const view = eventView(principal)
      if (isSearch(query)) {
        const { position } = await resumeFrom(db, sessionId, { ...query, last_event_id: undefined })
        const about = { orgId: principal.orgId, sessionId, query, filter, view, upTo }
        return eventPage(db, { ...about, after: position.sequence }, reply)
      }
      const { position } = await resumeFrom(db, sessionId, { ...query, last_event_id })
      const whole = query.expand === 'messages'
      const limit = limitOf(query.limit, whole)
      const read = { ...filter, after: position.sequence, upTo }
      const batches = eventBatches(
        db,
        { orgId: principal.orgId, sessionId, whole, view },
        { ...read, limit },
      )
      if (limit === Number.MAX_SAFE_INTEGER) return streamList(reply, { batches })
      const total = await countEvents(db, sessionId, read)
      const all = read.after === 0 ? total : await countAll(db, sessionId, { filter, upTo })
      reply.header('x-total-count', all)
      return streamList(reply, { total, batches })
    },
  })
}

/** Contract: throws 403 when a token would search data that its view leaves out. */
function checkSearch({ grants, isShare }: Principal, query: EventQuery) {
  if (!grants) return
  const { q, tool_name, tags, trace_id } = query
  const hidden = [q, ...(grants.view === 'chat' ? [tool_name] : [])]
  if (isShare) hidden.push(...(tags ?? []), trace_id)
  if (hidden.some((value) => value !== undefined)) throw new ApiError('not_granted', 'search')
}

const limitOf = (asked = Number.MAX_SAFE_INTEGER, whole: boolean) =>
  whole ? Math.min(asked, expandedMax) : asked

type About = {
  orgId: string
  sessionId: string
  whole: boolean
  /** Reduces events for the caller, if it must not see all of them. */
  view?: EventView | undefined
}
type Wanted = Partial<Filter> & { after: number; upTo: number; limit: number }

/** Events as clients get them, in batches of JSON. */
export async function* eventBatches(db: Db, about: About, { upTo, limit, ...wanted }: Wanted) {
  let { after } = wanted
  for (let left = limit; left > 0; ) {
    const size = Math.min(batchSize, left)
    const read = { ...wanted, after, upTo, limit: size }
    const { rows, more } = await readPage(db, about.sessionId, read)
    yield* jsonBatches(presentEvents(db, about, rows), about.view)
    if (!more) return
    left -= rows.length
    after = rows.at(-1)!.sequence
  }
}

/** Event types that a client requests or excludes. */
type TypeFilter = { types: string[] | undefined; exclude: string[] | undefined }
export type Filter = TypeFilter & {
  /** The giver whose ratings the caller sees; undefined: all. */
  ratingsBy: string | undefined
}

/** Excludes event types and ratings that are hidden from the caller. */
export const visibleTo = (principal: Principal, filter: TypeFilter): Filter => ({
  ...filter,
  exclude: [...(filter.exclude ?? []), ...hiddenTypes(principal)],
  ratingsBy: visibleGiver(principal),
})

const known = new Set<string>(eventTypes)
const wordPattern = /^[a-z][a-z0-9_.]{0,99}$/

/** Contract: an unknown type is 400 in `types` and ignored in `exclude`; a malformed one is 400. */
export function filterOf({ types, exclude }: Pick<StreamQuery, 'types' | 'exclude'>): TypeFilter {
  const wanted = typeNamesIn('types', types)
  const unknown = wanted?.find((word) => !known.has(word))
  if (unknown !== undefined) throw invalidAt('types', `names ${unknown}, which is no event type`)
  return { types: wanted, exclude: typeNamesIn('exclude', exclude) }
}

/** Repeated keys or one value with commas. */
function typeNamesIn(name: string, values: string[] | undefined): string[] | undefined {
  const words = values?.flatMap((value) => value.split(',')).filter((word) => word !== '')
  const wrong = words?.find((word) => !wordPattern.test(word))
  if (wrong !== undefined)
    throw invalidAt(name, 'must name event types, such as output.message.delta')
  return words && words.length > 0 ? words : undefined
}
