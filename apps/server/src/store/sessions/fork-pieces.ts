import { ApiError } from '../../errors.ts'
import type { Db, Statement } from '../database.ts'
import { insertEvents } from '../log/log-sql.ts'
import { statement, valuesOf } from '../statements.ts'
import { lengthEstimate, readableJson } from '../stored-json.ts'

const mebibyte = 1024 * 1024
/** Bytes of events that one statement copies: less than a second of the 6 s that it may take. */
const pieceBytes = 16 * mebibyte
/** Stored bytes above which a copy holds its connection for several seconds. */
const longBytes = 64 * mebibyte
/** Bytes of events in a fork, whose transaction holds a connection until all are copied. */
const forkMebibytesMax = 512
export const forkBytesMax = forkMebibytesMax * mebibyte

export const forkTooLarge = () => new ApiError('fork_too_long', `${forkMebibytesMax} MiB`)

/** Takes the place of an event in the copy; `context` and `data` are JSON. */
export type ReplacedEvent = { sequence: number; context: string; data: string }

export const replacedValues = (replaced: ReplacedEvent | undefined) => ({
  replacedSequence: replaced?.sequence ?? null,
  replacedContext: replaced?.context ?? null,
  replacedData: replaced?.data ?? null,
})

/** SQL: the rows of a copy of the events `e`, for `insertEvents`. */
export const copiedRow = `
  select :id, e.sequence, e.type, e.ts,
    case when e.sequence = :replacedSequence::integer then :replacedContext::json else e.context end,
    case when e.sequence = :replacedSequence then :replacedData::json else e.data end, e.tags`

/**
 * Parsing the record of a model call costs more than its copy: our records begin with the hashes.
 */
const hashesOfGeneration = `coalesce(
      regexp_match(substr(data::text, 1, 200), '^{"prompt":"(\\w+)","prompt_is_new":\\w+,"tools":"(\\w+)"'),
      array[${readableJson('data')}->>'prompt', ${readableJson('data')}->>'tools']
    )`

/** SQL: returns the length of each inserted event, and the hashes of the texts that it names. */
export const returningCopied = `returning octet_length(data::text) as bytes,
    case when type = 'llm.generation' then ${hashesOfGeneration} end as hashes`

/** Reads no values: the estimate derives from their stored size, which is at most their length. */
const plan: Statement = {
  name: 'plan-fork',
  text: `
select max(sequence) as last, sum(stored) as stored from (
  select sequence, stored, (sum(estimate) over (order by sequence) - estimate) / ${pieceBytes} as piece
  from (
    select sequence, pg_column_size(data) as stored, ${lengthEstimate('data')} as estimate
    from events where session_id = $1 and sequence <= $2
  ) sized
) placed
group by piece order by piece`,
}

/** Events up to `last`, and their stored size. */
export type ForkPiece = { last: number; stored: number }

const copyPiece = statement(
  'fork-piece',
  `
with e as (${insertEvents(`${copiedRow}
  from events e where e.session_id = :sessionId and e.sequence > :copiedTo and e.sequence <= :last`)}
  ${returningCopied}
)
select coalesce(sum(bytes), 0) as bytes, array(select distinct unnest(hashes) from e) as hashes from e`,
)

/** Events of a copy up to `copiedTo`: their length, and the texts that they name. */
export type CopiedEvents = { copiedTo: number; bytes: number; hashes: string[] }

export const noCopiedEvents: CopiedEvents = { copiedTo: 0, bytes: 0, hashes: [] }

export type EventsToCopy = {
  sessionId: string
  /** The session that gets them, which does not exist yet. */
  id: string
  /** The last event of the copy. */
  sequence: number
  replaced?: ReplacedEvent | undefined
}

/** True if one statement may not be enough; `bytes`: the length of the source's log. */
export const isInPieces = (bytes: number) => bytes > pieceBytes

/** Divides the events of a copy into pieces. */
export const planPieces = (db: Db, { sessionId, sequence }: EventsToCopy): Promise<ForkPiece[]> =>
  db.run<ForkPiece>(plan, [sessionId, sequence])

const storedIn = (pieces: readonly ForkPiece[]) =>
  pieces.reduce((sum, { stored }) => sum + stored, 0)

/** True if a copy takes several seconds. */
export const isLongCopy = (pieces: readonly ForkPiece[]) => storedIn(pieces) > longBytes

/**
 * Copies the pieces, a statement each. They lock nothing: events do not change, and if the source
 * still exists afterwards, none was deleted.
 * Contract: `db` is a transaction, which ends with `copySession` or is rolled back. Throws
 * `fork_too_long`.
 */
export async function copyPieces(
  db: Db,
  copy: EventsToCopy,
  pieces: readonly ForkPiece[],
): Promise<CopiedEvents> {
  const replaced = replacedValues(copy.replaced)
  const hashes = new Set<string>()
  let [copiedTo, bytes, left] = [0, 0, storedIn(pieces)]
  for (const { last, stored } of pieces) {
    const values = valuesOf(copyPiece, { ...copy, ...replaced, copiedTo, last })
    const [copied] = await db.run<Omit<CopiedEvents, 'copiedTo'>>(copyPiece, values)
    for (const hash of copied!.hashes) hashes.add(hash)
    bytes += copied!.bytes
    left -= stored
    copiedTo = last
    if (bytes + left > forkBytesMax) throw forkTooLarge()
  }
  return { copiedTo, bytes, hashes: [...hashes] }
}
