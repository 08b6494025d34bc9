/** Parts of the statements that append to the log of a session. */
import type { EventType } from '@outlast/contract'
import { jsonList } from '../json-lists.ts'

/** An event that is not stored yet; context and data are JSON. */
export type NewEvent = { type: EventType; context: string; data: string }

/** Inserts the rows of a query as events: session, sequence, type, time, context, data, tags. */
export const insertEvents = (query: string) => `
  insert into events (session_id, sequence, type, ts, context, data, tags)
  ${query}`

/**
 * The part `e` of a statement: appends the rows `n(type, context, data, tags, ord)` to the log of
 * the session that the part `s` has written. It reads from `s`: `id`, `updated_at`, `added` (the
 * number of events to append), and `sequence`, which already counts these.
 */
export const appendEvents = (rows: string) => `e as (${insertEvents(`
  select s.id, s.sequence - s.added + n.ord, n.type, s.updated_at, n.context, n.data, n.tags
  from s, ${rows} where n.ord <= s.added`)}
)`

/** The rows `n` of the events of `eventLists`. */
export const listedEvents = `(
    select type, context, data, null::text[] as tags, ord from rows from (
      unnest(:types::text[]), json_array_elements(:contexts::json), json_array_elements(:data::json)
    ) with ordinality as listed(type, context, data, ord)
  ) n`

/** Values of the parameters of `listedEvents`. */
export const eventLists = (events: readonly NewEvent[]) => ({
  types: events.map(({ type }) => type),
  contexts: jsonList(events.map(({ context }) => context)),
  data: jsonList(events.map(({ data }) => data)),
})

/** An event of SQL expressions, which may read columns of `s`. */
type EventExpression = { type: EventType; context: string; data: string; tags?: string }

/** SQL: the rows `n` of events of known types. */
export function events(...expressions: EventExpression[]): string {
  const rows = expressions.map(
    ({ type, context, data, tags = 'null' }, index) =>
      `('${type}', ${context}::json, ${data}::json, ${tags}::text[], ${index + 1})`,
  )
  return `lateral (values ${rows.join(', ')}) as n(type, context, data, tags, ord)`
}
