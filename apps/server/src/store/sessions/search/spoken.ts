/** Texts of a conversation: messages of users, and replies. */
import type { EventType } from '@outlast/contract'
import type { Db, Statement } from '../../database.ts'

const spokenTypes = ['input.message', 'output.message.completed'] as const satisfies EventType[]

const messagesAtOnce = 100
/**
 * Stored bytes of the messages, and bytes of their texts, that are read of one session; one message
 * more is.
 */
const bytesMax = 256 * 1024
/** Characters of a message that are searched. */
const searchedLengthMax = 100_000

const read: Statement = {
  name: 'read-spoken',
  text: `
select x.id as "sessionId", m.sequence, m.ts, m.text, m.found
from unnest($1::text[], $2::integer[], $3::integer[]) as x(id, after, up_to)
cross join lateral (
  select sequence, ts, text, found, sum(octet_length(text)) over (order by sequence) - octet_length(text) as before
  from (
    select sequence, ts, found, coalesce(message_text(data, ${searchedLengthMax}), '') as text
    from (
      select sequence, ts, data, (count(*) over ())::integer as found,
        sum(pg_column_size(data)) over (order by sequence) - pg_column_size(data) as stored_before
      from (
        select sequence, ts, data from events
        where session_id = x.id and sequence > x.after and sequence <= x.up_to and type = any($4)
        order by sequence limit ${messagesAtOnce}
      ) e
    ) e where stored_before < ${bytesMax}
    -- Without it, each use of a text would read its message once more.
    offset 0
  ) e
) m where m.before < ${bytesMax}
order by x.id, m.sequence`,
}

/** A message, without its images. `found`: messages of its session that could have been read. */
export type SpokenRow = {
  sessionId: string
  sequence: number
  ts: string
  text: string
  found: number
}

/** The first messages after a sequence. `isWhole`: all up to another one. */
export type SpokenPage = { rows: SpokenRow[]; isWhole: boolean }

/** Reads the first messages of sessions, between two sequences. */
export async function readSpoken(
  db: Db,
  wanted: readonly { sessionId: string; after: number; upTo: number }[],
): Promise<Map<string, SpokenPage>> {
  const rows = await db.run<SpokenRow>(read, [
    wanted.map(({ sessionId }) => sessionId),
    wanted.map(({ after }) => after),
    wanted.map(({ upTo }) => upTo),
    spokenTypes,
  ])
  const pages = new Map<string, SpokenPage>()
  for (const [id, group] of Map.groupBy(rows, ({ sessionId }) => sessionId)) {
    const { found } = group[0]!
    pages.set(id, { rows: group, isWhole: group.length === found && found < messagesAtOnce })
  }
  return pages
}
