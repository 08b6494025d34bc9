/** Finds sessions by the words of their titles, messages and replies, the newest first. */
import { sql } from 'kysely'
import type { Db } from '../../database.ts'
import { isFiltered, type SessionFilters, sessionsWith } from '../session-filters.ts'
import { looseQueryOf, type Phrase, tsqueryOf } from './words.ts'

/** The newest sessions, whose words are tested one by one. */
const windows = { first: 200, largest: 4_000 }
/** Parts that are looked up by their words. Filters read the session of each. */
const partsMax = { filtered: 10_000, all: 100_000 }
const noLimit = { filtered: 2_147_483_647, all: 2_147_483_647 }
/** The newest parts with all words of a phrase that are tested for their order. */
const testedMax = 2_000

type Range = { offset: number; limit: number }
type Search = { phrases: readonly Phrase[]; query: SessionFilters & Range }

/** Ids of one page. `isCapped`: at least `total` match. */
export type FoundSessions = { ids: string[]; total: number; isCapped: boolean }

const noMatches: FoundSessions = { ids: [], total: 0, isCapped: false }

/**
 * Finds the sessions that match all phrases. Frequent words are in most of the newest sessions, so
 * those are tested first; rare words are looked up in the index. Pages of words in too many parts
 * end with the newest sessions.
 */
export async function findSessionsWith(
  db: Db,
  orgId: string,
  { phrases, query }: Search,
): Promise<FoundSessions> {
  const [words, looseWords] = [tsqueryOf(orgId, phrases), looseQueryOf(orgId, phrases)]
  if (words === undefined || looseWords === undefined) return noMatches
  const search = { words, looseWords, query }
  const wanted = query.offset + query.limit
  const isEnough = ({ total, isCapped }: FoundSessions) => !isCapped || total >= wanted
  const testNewest = (window: number) => testSessions(db, orgId, search, window)

  const newest = await testNewest(windows.first)
  if (isEnough(newest)) return newest
  const window = windowFor(wanted, newest.total)
  if (window <= windows.largest) {
    const newer = await testNewest(window)
    if (isEnough(newer)) return newer
  }
  const found = await lookUp(db, orgId, search, partsMax)
  if (found) return found
  const newer = await testNewest(windows.largest)
  if (isEnough(newer) || newer.total >= query.limit) return newer
  return (await lookUp(db, orgId, search, noLimit)) ?? noMatches
}

/** How many sessions have so many matches, with a reserve, if all are like the first ones. */
const windowFor = (wanted: number, matches: number) =>
  Math.ceil((2 * wanted * windows.first) / matches)

type WordSearch = { words: string; looseWords: string; query: SessionFilters & Range }
type Looked = { ids: string[]; total: number; is_capped: boolean; is_cut: boolean }

/** Looks words up in the index. Undefined if they are in as many parts as a limit. */
async function lookUp(
  db: Db,
  orgId: string,
  { words, looseWords, query }: WordSearch,
  limits: typeof partsMax,
): Promise<FoundSessions | undefined> {
  const isNarrowed = isFiltered(query) || query.agent_id !== undefined
  const most = isNarrowed ? limits.filtered : limits.all
  const passing = sessionsWith(db, orgId, query)
    .select('id')
    .where('id', 'in', sql<string>`(select session_id from found)`)
  const isPhrase = words !== looseWords
  const { rows } = await sql<Looked>`
    with found as materialized (
      select * from search_parts(${orgId}, ${looseWords}::tsquery, ${most})
    ), capped as materialized (
      select count(*) >= ${most} as is_capped from found
    ), passing as materialized (
      select f.* from found f where not (select is_capped from capped)
      ${isNarrowed ? sql`and session_id in (${passing})` : sql``}
    ), matching as materialized (${isPhrase ? inOrder(words) : unordered})
    select (select is_capped from capped) as is_capped, (select count(*) from matching) as total,
      ${isPhrase ? sql`(select count(*) from passing) > ${testedMax}` : sql`false`} as is_cut,
      ${pageOf(query)} as ids`.execute(db.kysely)
  const { ids, total, is_capped, is_cut } = rows[0]!
  return is_capped ? undefined : { ids, total, isCapped: is_cut }
}

const unordered = sql`select distinct session_id as id, created_at from passing`

const inOrder = (words: string) => sql`
  select distinct p.session_id as id, p.created_at from (
    select * from passing order by created_at desc, session_id desc limit ${testedMax}
  ) p cross join lateral (
    select from search_words w
    where w.session_id = p.session_id and w.part = p.part and (w.words @@ ${words}::tsquery) is true
    limit 1
  ) w`

/** Tests the words of the newest sessions. `isCapped`: there are others. */
async function testSessions(
  db: Db,
  orgId: string,
  { words, query }: WordSearch,
  window: number,
): Promise<FoundSessions> {
  const newest = sessionsWith(db, orgId, query)
    .select(['id', 'created_at'])
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(window)
  // The limit prevents a join, which would read the whole index; `is true` prevents its use. The
  // order prevents a scan of the table for each session, which looks cheap if few have most parts.
  const { rows } = await sql<{ ids: string[]; total: number; seen: number }>`
    with newest as materialized (${newest}), matching as materialized (
      select n.id, n.created_at from newest n cross join lateral (
        select from search_words w
        where w.session_id = n.id and w.org_id = ${orgId} and (w.words @@ ${words}::tsquery) is true
        order by w.part limit 1
      ) w
    )
    select (select count(*) from matching) as total, (select count(*) from newest) as seen,
      ${pageOf(query)} as ids`.execute(db.kysely)
  const { ids, total, seen } = rows[0]!
  return { ids, total, isCapped: seen === window }
}

const pageOf = ({ offset, limit }: Range) => sql`array(
  select id from matching order by created_at desc, id desc offset ${offset} limit ${limit}
)`
