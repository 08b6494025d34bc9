/** Writes the words of sessions for the search. */
import { setImmediate } from 'node:timers/promises'
import type { Db, Statement } from '../../database.ts'
import { jsonList } from '../../json-lists.ts'
import { claimDueSessions, type DueSession, nextAfter, settleDueSessions } from './due.ts'
import { readSpoken, type SpokenRow } from './spoken.ts'
import { markOf, tsvectorOf, wordsIn } from './words.ts'

/** Words of a part. A search finds words that are in the same part. */
const partWordsMax = 2_000
/** Positions of one word that PostgreSQL keeps in a part. */
const wordPositionsMax = 255
/** Positions between two messages, so that no phrase spans them. */
const messageGap = 2

/**
 * Adds words where the session still exists, no other node has read it meanwhile, and the log
 * contains the event up to which it was read: commits may have been lost. Returns the sessions that
 * it has written.
 */
const write: Statement = {
  name: 'write-search-words',
  text: `
with n as (
  select * from json_to_recordset($1::json) as n(
    org_id text, session_id text, after integer, sequence integer, ts timestamptz, part integer, part_words integer)
), s as (
  select s.org_id, s.id, s.created_at, s.updated_at, s.cost_nanos, n.after, n.sequence, n.part, n.part_words
  from n join sessions s on s.org_id = n.org_id and s.id = n.session_id
  where exists (
    select from events e where e.session_id = s.id and e.sequence = n.sequence and e.ts = n.ts
  )
  order by s.id for key share of s
), d as (
  insert into search_sessions as d (org_id, session_id, sequence, part, part_words, active_at, cost_nanos)
  select org_id, id, sequence, part, part_words, updated_at, coalesce(cost_nanos, 0) from s
  on conflict (session_id) do update set
    sequence = excluded.sequence, part = excluded.part, part_words = excluded.part_words,
    active_at = excluded.active_at, cost_nanos = excluded.cost_nanos
  where d.sequence = (select s.after from s where s.id = d.session_id)
  returning session_id
), w as (
insert into search_words as w (org_id, session_id, created_at, part, from_sequence, to_sequence, words)
select p.org_id, p.session_id, s.created_at, p.part, p.from_sequence, p.to_sequence, p.words::tsvector
from json_to_recordset($2::json) as p(
  org_id text, session_id text, part integer, from_sequence integer, to_sequence integer, words text)
join s on s.id = p.session_id
where p.session_id in (select session_id from d)
order by p.session_id, p.part
on conflict (session_id, part) do update set
  to_sequence = excluded.to_sequence,
  words = case when w.part = 0 then excluded.words else w.words || excluded.words end
where w.part > 0 or w.words <> excluded.words
)
select session_id from d`,
}

type Part = { part: number; from: number; to: number; words: string }

/** What was read of a session, and where the next reading begins. */
type ReadSession = {
  due: DueSession
  sequence: number
  ts: string | null
  part: number
  partWords: number
  isWhole: boolean
  parts: Part[]
}

type Indexed = {
  /** Sessions with nothing left to read. */
  done: ReadonlySet<DueSession>
  errors: ReadonlyMap<DueSession, unknown>
}

/**
 * Reads the words of sessions that are due, of organizations after another one. Returns their
 * number, where the next reading begins, and the errors of those that failed, which are due again
 * later.
 * Contract: several nodes may read at once, and a killed one leaves the rest to the others.
 */
export async function indexDueSessions(
  db: Db,
  after: string,
): Promise<{ count: number; next: string; errors: ReadonlyMap<DueSession, unknown> }> {
  const claimed = await claimDueSessions(db, after)
  const [count, next] = [claimed.length, nextAfter(claimed)]
  if (count === 0) return { count, next, errors: new Map() }
  const existing = claimed.filter(({ exists }) => exists)
  const { done, errors } = await index(db, existing).catch((error) =>
    indexEach(db, existing, error),
  )
  const outcomeOf = (due: DueSession) =>
    errors.has(due) ? 'failed' : !due.exists || done.has(due) ? 'done' : 'left'
  await settleDueSessions(db, claimed, outcomeOf)
  return { count, next, errors }
}

/**
 * Reads each session alone, so that one that fails does not delay the others.
 * Contract: throws the error if several fail and none succeeds.
 */
async function indexEach(
  db: Db,
  sessions: readonly DueSession[],
  error: unknown,
): Promise<Indexed> {
  const done = new Set<DueSession>()
  const errors = new Map<DueSession, unknown>()
  for (const due of sessions) {
    try {
      for (const one of (await index(db, [due])).done) done.add(one)
    } catch (error) {
      errors.set(due, error)
    }
  }
  if (sessions.length > 1 && errors.size === sessions.length) throw error
  return { done, errors }
}

async function index(db: Db, sessions: readonly DueSession[]): Promise<Indexed> {
  const spoken = await readSpoken(db, sessions)
  const found: ReadSession[] = []
  for (const due of sessions) {
    found.push(readSession(due, spoken.get(due.sessionId) ?? { rows: [], isWhole: true }))
    await setImmediate()
  }
  const written = await writeWords(db, found)
  const isDone = ({ due, isWhole }: ReadSession) => isWhole && written.has(due.sessionId)
  return { done: new Set(found.filter(isDone).map(({ due }) => due)), errors: new Map() }
}

async function writeWords(db: Db, found: readonly ReadSession[]): Promise<Set<string>> {
  if (found.length === 0) return new Set()
  const positions = found.map(({ due, sequence, ts, part, partWords }) =>
    JSON.stringify({
      ...{ org_id: due.orgId, session_id: due.sessionId, after: due.after },
      ...{ sequence, ts, part, part_words: partWords },
    }),
  )
  const parts = found.flatMap(({ due, parts }) =>
    parts.map(({ part, from, to, words }) =>
      JSON.stringify({
        ...{ org_id: due.orgId, session_id: due.sessionId },
        ...{ part, from_sequence: from, to_sequence: to, words },
      }),
    ),
  )
  const values = [jsonList(positions), jsonList(parts)]
  const rows = await db.run<{ session_id: string }>(write, values)
  return new Set(rows.map(({ session_id }) => session_id))
}

function readSession(
  due: DueSession,
  { rows, isWhole }: { rows: SpokenRow[]; isWhole: boolean },
): ReadSession {
  const last = rows.at(-1)
  const end = isWhole || !last ? { sequence: due.upTo, ts: due.upToTs } : last
  const { parts, part, partWords } = fillParts(due, rows)
  const { sequence, ts } = end
  return { due, sequence, ts, part, partWords, isWhole, parts: [...titlePart(due), ...parts] }
}

function titlePart({ orgId, title }: DueSession): Part[] {
  if (title === null) return []
  const open = newOpenPart()
  for (const { word } of wordsIn(title)) addWord(open, word)
  return [{ part: 0, from: 0, to: 0, words: tsvectorOf(markOf(orgId), open.places) }]
}

/** Words that are added to a part. `at`: the last position; `most`: uses of the commonest word. */
type OpenPart = { places: Map<string, number[]>; at: number; words: number; most: number }

const newOpenPart = (): OpenPart => ({ places: new Map(), at: messageGap, words: 0, most: 0 })

function addWord(open: OpenPart, word: string): void {
  open.at += 1
  const places = open.places.get(word) ?? []
  open.places.set(word, places)
  open.most = Math.max(open.most, places.push(open.at))
  open.words += 1
}

/** The size of added words: their number, or more if one of them is frequent. */
const sizeOf = (words: number, most: number) =>
  Math.max(words, Math.ceil((most * partWordsMax) / wordPositionsMax))

function hasRoom({ places, words, most }: OpenPart, word: string, used: number): boolean {
  const uses = (places.get(word)?.length ?? 0) + 1
  return used + sizeOf(words + 1, Math.max(most, uses)) <= partWordsMax
}

/** Fills the last part of a session, then further ones. */
function fillParts({ orgId, part, partWords }: DueSession, rows: readonly SpokenRow[]) {
  const mark = markOf(orgId)
  const parts: Part[] = []
  let [number, used, open] = [part, partWords, newOpenPart()]
  let [from, to] = [0, 0]
  const close = () => {
    if (open.words > 0) parts.push({ part: number, from, to, words: tsvectorOf(mark, open.places) })
  }
  for (const { sequence, text } of rows) {
    for (const { word } of wordsIn(text)) {
      if (!hasRoom(open, word, used)) {
        close()
        number += 1
        used = 0
        open = newOpenPart()
      }
      if (open.words === 0) from = sequence
      if (sequence !== to) open.at += messageGap
      to = sequence
      addWord(open, word)
    }
  }
  close()
  return { parts, part: number, partWords: used + sizeOf(open.words, open.most) }
}
