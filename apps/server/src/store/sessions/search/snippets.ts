/** The texts around the words of a search. */
import { setImmediate } from 'node:timers/promises'
import type { SessionMatch } from '@outlast/contract'
import type { Db, Statement } from '../../database.ts'
import { readSpoken } from './spoken.ts'
import { type FoundWord, type Phrase, tsqueryOf, wordsIn } from './words.ts'

/** Characters of a snippet before its first word, and of all. */
const lead = 40
const lengthMax = 200
/** Phrases that a snippet shows. */
const markedMax = 8
/** Pages that are read after the first of each session: enough for one part of short messages. */
const furtherMax = 40

const matching: Statement = {
  name: 'matching-search-parts',
  text: `
select distinct on (session_id) session_id as "sessionId", from_sequence - 1 as after, to_sequence as "upTo"
from search_words
where session_id = any($1) and org_id = $2 and part > 0 and (words @@ $3::tsquery) is true
order by session_id, part`,
}

type MatchingPart = { sessionId: string; after: number; upTo: number }

/** Returns where sessions match, by their ids. Those whose title alone matches have none. */
export async function matchesOf(
  db: Db,
  orgId: string,
  { ids, phrases }: { ids: readonly string[]; phrases: readonly Phrase[] },
): Promise<Map<string, SessionMatch>> {
  const words = tsqueryOf(orgId, phrases)
  const matches = new Map<string, SessionMatch>()
  if (words === undefined || ids.length === 0) return matches
  let parts = await db.run<MatchingPart>(matching, [ids, orgId, words])
  for (let further = furtherMax; parts.length > 0; further -= parts.length) {
    const pages = await readSpoken(db, parts)
    const left: MatchingPart[] = []
    for (const part of parts) {
      const { rows, isWhole } = pages.get(part.sessionId) ?? { rows: [], isWhole: true }
      const match = bestMatch(rows, phrases.slice(0, markedMax))
      if (match) matches.set(part.sessionId, match)
      else if (!isWhole) left.push({ ...part, after: rows.at(-1)!.sequence })
      await setImmediate()
    }
    parts = left.slice(0, further)
  }
  return matches
}

type Text = { sequence: number; text: string }

/** Returns the snippet of the text with the most phrases, the first of those. */
function bestMatch(texts: readonly Text[], phrases: readonly Phrase[]): SessionMatch | undefined {
  let best: { of: Text; marks: WordSpan[]; count: number } | undefined
  for (const of of texts) {
    const words = [...wordsIn(of.text)]
    const found = phrases.map((phrase) => phraseSpans(words, phrase))
    const count = found.filter((spans) => spans.length > 0).length
    if (count <= (best?.count ?? 0)) continue
    best = { of, count, marks: found.flat().sort((one, other) => one.from - other.from) }
    if (count === phrases.length) break
  }
  return best && { sequence: best.of.sequence, snippet: snippetOf(best.of.text, best.marks) }
}

type WordSpan = { from: number; to: number }

/** Places of a phrase in a text. */
function phraseSpans(words: readonly FoundWord[], { words: wanted, isPrefix }: Phrase): WordSpan[] {
  const last = wanted.length - 1
  const spans: WordSpan[] = []
  for (let at = 0; at + last < words.length; at += 1) {
    const isHere = wanted.every((word, index) => {
      const found = words[at + index]!.word
      return isPrefix && index === last ? found.startsWith(word) : found === word
    })
    if (isHere) spans.push({ from: words[at]!.from, to: words[at + last]!.to })
  }
  return spans
}

/** Cuts a text around its first marked place, at spaces where there are some. */
function snippetOf(text: string, marks: readonly WordSpan[]): SessionMatch['snippet'] {
  const first = marks[0]!
  const start = first.from <= lead ? 0 : wordStart(text, first.from - lead, first.from)
  const end = Math.min(start + lengthMax, text.length)
  const parts: SessionMatch['snippet'] = []
  const add = (from: number, to: number, is_match: boolean) => {
    const part = text.slice(from, to).replace(/\s+/g, ' ').toWellFormed()
    if (part !== '') parts.push({ text: part, is_match })
  }
  if (start > 0) parts.push({ text: '…', is_match: false })
  let at = start
  for (const { from, to } of marks) {
    if (from < at || from >= end) continue
    add(at, from, false)
    at = Math.min(to, end)
    add(from, at, true)
  }
  add(at, end, false)
  if (end < text.length) parts.push({ text: '…', is_match: false })
  return parts
}

function wordStart(text: string, from: number, before: number): number {
  const space = text.slice(from, before).search(/\s/)
  return space < 0 ? from : from + space + 1
}
