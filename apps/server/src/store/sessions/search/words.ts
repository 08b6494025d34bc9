/** Words of texts and of searches. Pure: the index, searches and snippets share one definition. */
import { createHash } from 'node:crypto'

/** Scripts without spaces between words: each character is a word, and a word is a phrase. */
const unspaced =
  '\\p{sc=Han}\\p{sc=Hiragana}\\p{sc=Katakana}\\p{sc=Thai}\\p{sc=Lao}\\p{sc=Khmer}\\p{sc=Myanmar}'
const wordPattern = new RegExp(`[${unspaced}]\\p{M}*|[[\\p{L}\\p{N}\\p{M}]--[${unspaced}]]+`, 'gv')

/** Longer words are cut, in texts and in searches. */
const wordLengthMax = 64

const asciiOnly = /^[0-9A-Za-z]+$/

/** Removes case and accents. Some characters decompose to many, or to others than letters. */
function folded(word: string): string {
  const cut = word.slice(0, wordLengthMax)
  if (asciiOnly.test(cut)) return cut.toLowerCase()
  const plain = cut
    .normalize('NFKD')
    .replace(/[\u0300-\u036f]/g, '')
    .normalize('NFC')
  return plain
    .toLowerCase()
    .slice(0, wordLengthMax)
    .replace(/[^\p{L}\p{N}\p{M}]/gu, '')
}

/** A word with its position in the text, in UTF-16 units. */
export type FoundWord = { word: string; from: number; to: number }

/** Finds the words of a text in their order. */
export function* wordsIn(text: string): Generator<FoundWord> {
  for (const { 0: found, index } of text.matchAll(wordPattern)) {
    const word = folded(found)
    if (word !== '') yield { word, from: index, to: index + found.length }
  }
}

/**
 * Words of one organization begin with its mark, so that a search reads no others. The mark is no
 * boundary: statements compare the organization itself.
 */
export const markOf = (orgId: string) =>
  createHash('sha256').update(orgId).digest('base64url').slice(0, 6)

/** Words that follow each other; the last one may be the beginning of a word. */
export type Phrase = { words: string[]; isPrefix: boolean }

const phrasePattern = /"([^"]*)"?|([^\s"]+)/g

/** Shorter beginnings are whole words: too many words begin with them. */
const prefixLengthMin = 2
/** Further beginnings are whole words. */
const prefixesMax = 3

/** Reads a search: words in any order, `"phrases in quotes"`, and beginnings like `refun*`. */
export function phrasesOf(search: string): Phrase[] {
  const phrases: Phrase[] = []
  let prefixes = 0
  for (const [, quoted, plain] of search.matchAll(phrasePattern)) {
    const words = Array.from(wordsIn(quoted ?? plain ?? ''), ({ word }) => word)
    const last = words.at(-1)
    if (last === undefined) continue
    const isBeginning = plain?.endsWith('*') && last.length >= prefixLengthMin
    const isPrefix = Boolean(isBeginning) && prefixes < prefixesMax
    if (isPrefix) prefixes += 1
    phrases.push({ words, isPrefix })
  }
  return phrases
}

/** Writes phrases as a `tsquery`; undefined without a word. Words contain no quotes. */
export const tsqueryOf = (orgId: string, phrases: readonly Phrase[]) =>
  queryOf(orgId, phrases, '<->')

/** The same with the words of phrases in any order, which the index answers without their texts. */
export const looseQueryOf = (orgId: string, phrases: readonly Phrase[]) =>
  queryOf(orgId, phrases, '&')

function queryOf(orgId: string, phrases: readonly Phrase[], operator: string): string | undefined {
  if (phrases.length === 0) return undefined
  const mark = markOf(orgId)
  const terms = phrases.map(({ words, isPrefix }) => {
    const last = words.length - 1
    const parts = words.map((word, at) => `'${mark}${word}'${isPrefix && at === last ? ':*' : ''}`)
    return `(${parts.join(` ${operator} `)})`
  })
  return terms.join(' & ')
}

/** Writes words with their positions as a `tsvector`. */
export const tsvectorOf = (mark: string, places: ReadonlyMap<string, readonly number[]>) =>
  Array.from(places, ([word, at]) => `'${mark}${word}':${at.join()}`).join(' ')
