import { zoneOf } from './cities.ts'

export type MathOperation = 'add' | 'subtract' | 'multiply' | 'divide'

/** A question in a message that a tool can answer. */
export type ToolQuestion =
  | { kind: 'time'; place: string | undefined; zone: string | undefined }
  | { kind: 'weather'; place: string | undefined; units: 'fahrenheit' | undefined }
  | {
      kind: 'forecast'
      place: string | undefined
      days: number | undefined
      units: 'fahrenheit' | undefined
    }
  | { kind: 'arithmetic'; numbers: number[]; operations: MathOperation[] }

type LocatedQuestions = { at: number; questions: ToolQuestion[] }

const readMax = 4000
const questionsMax = 20

/** Finds the questions of a message in their order. Reads only the first 4,000 characters. */
export function questionsIn(message: string): ToolQuestion[] {
  const text = message.slice(0, readMax)
  const found: LocatedQuestions[] = [...arithmeticIn(text), ...lookUpsIn(text)]
  found.sort((a, b) => a.at - b.at)
  return found.flatMap(({ questions }) => questions).slice(0, questionsMax)
}

const number = String.raw`[-−]?\d{1,3}(?:,\d{3})+(?:\.\d{1,15})?(?!\d)|[-−]?\d{1,15}(?:\.\d{1,15})?(?!\d)`
const operator = String.raw`[-+*/×÷−–]|x(?=[\s\d-])|plus|minus|times|multiplied by|divided by|over`
const firstNumber = String.raw`(?<![\w.)\]/])(?<!\w[-−])(?:${number})`
const chain = new RegExp(
  `${firstNumber}(?:\\s*(?:${operator})\\s*(?:${number}))+(?![\\w-]*\\d)`,
  'giu',
)
const link = new RegExp(`\\s*(${operator})\\s*(${number})`, 'giuy')
const order = new RegExp(
  `\\b(add|subtract|multiply|divide|sum of|product of)\\s+(${number})\\s+(?:and|to|by|from|with)\\s+(${number})`,
  'giu',
)
const date = /^\d{4}[-/]\d\d?[-/]\d\d?$/
const asks = /\b(?:what|how|calculate|compute|work out|solve|tell|give|please|equals?)\b|[=?]/i

const operations: Record<string, MathOperation> = {
  '+': 'add',
  plus: 'add',
  add: 'add',
  'sum of': 'add',
  '-': 'subtract',
  '−': 'subtract',
  '–': 'subtract',
  minus: 'subtract',
  subtract: 'subtract',
  '*': 'multiply',
  '×': 'multiply',
  x: 'multiply',
  times: 'multiply',
  'multiplied by': 'multiply',
  multiply: 'multiply',
  'product of': 'multiply',
  '/': 'divide',
  '÷': 'divide',
  'divided by': 'divide',
  over: 'divide',
  divide: 'divide',
}

const numeral = (digits: string) => Number(digits.replace('−', '-').replaceAll(',', ''))

function* arithmeticIn(text: string): Generator<LocatedQuestions> {
  const isAsked = asks.test(text)
  for (const { 0: whole, index } of text.matchAll(chain)) {
    if (date.test(whole) || !(isAsked || whole.trim() === text.trim())) continue
    yield { at: index, questions: [calculation(whole)] }
  }
  for (const { 0: whole, 1: word, 2: left, 3: right, index } of text.matchAll(order)) {
    const operation = operations[word!.toLowerCase()]!
    const numbers = [numeral(left!), numeral(right!)]
    if (operation === 'subtract' && / from /i.test(whole)) numbers.reverse()
    yield { at: index, questions: [{ kind: 'arithmetic', numbers, operations: [operation] }] }
  }
}

function calculation(expression: string): ToolQuestion {
  const first = new RegExp(number, 'u').exec(expression)!
  const question: ToolQuestion = {
    kind: 'arithmetic',
    numbers: [numeral(first[0])],
    operations: [],
  }
  link.lastIndex = first[0].length
  for (let found = link.exec(expression); found; found = link.exec(expression)) {
    question.operations.push(operations[found[1]!.toLowerCase()]!)
    question.numbers.push(numeral(found[2]!))
  }
  return question
}

const time = String.raw`what(?:'s|’s| is)?(?: the)?(?: current| local| exact)? (?:time|date|day)\b|(?:current|local) (?:time|date)\b|\btime (?:is it|now|in)\b|the time\b|today['’]s date\b|what day\b`
const weather = 'weather forecast|forecast|weather|temperature|how (?:hot|cold|warm)'
const trigger = new RegExp(`(?<time>\\b(?:${time}))|(?<weather>\\b(?:${weather})\\b)`, 'giu')

/** Finds questions about time and weather. The place is in the text up to the next question. */
function* lookUpsIn(text: string): Generator<LocatedQuestions> {
  const found = [...text.matchAll(trigger)]
  for (const [n, match] of found.entries()) {
    const from = match.index + match[0].length
    const clause = text.slice(from, found[n + 1]?.index).split(/[?!;\n]|\.\s/, 1)[0]!
    const places = placesIn(match[0].endsWith(' in') ? `in ${clause}` : clause)
    const isRepeated = places.length === 0 && n > 0 && found[n - 1]!.index + 60 > match.index
    if (isRepeated && questionKindOf(match) === questionKindOf(found[n - 1]!)) continue
    yield { at: match.index, questions: lookUps(match, clause, places) }
  }
}

const questionKindOf = ({ groups }: RegExpMatchArray) => (groups?.time ? 'time' : 'weather')

function lookUps(match: RegExpMatchArray, clause: string, places: string[]): ToolQuestion[] {
  const named = places.length > 0 ? places : [undefined]
  if (questionKindOf(match) === 'time') {
    return named.map((place) => ({ kind: 'time', place, zone: place && zoneOf(place) }))
  }
  const units = /fahrenheit|°\s?F\b/i.test(clause) ? ('fahrenheit' as const) : undefined
  const days = daysIn(clause)
  if (days === undefined && !/forecast/i.test(match[0])) {
    return named.map((place) => ({ kind: 'weather', place, units }))
  }
  return named.map((place) => ({ kind: 'forecast', place, days, units }))
}

const dayWords = ['one', 'two', 'three', 'four', 'five', 'six', 'seven']

function daysIn(clause: string): number | undefined {
  const [, count] = /\b(\d{1,3}|one|two|three|four|five|six|seven)[- ]days?\b/i.exec(clause) ?? []
  if (count) return dayWords.indexOf(count.toLowerCase()) + 1 || Number(count)
  if (/\bweek\b/i.test(clause)) return 7
  return /\btomorrow\b/i.test(clause) ? 2 : undefined
}

const noPlace =
  /^(?:the|a|an|my|your|this|that|next|here|today|tomorrow|tonight|now|what|what's|when|how|is|it|tell|give|add|also|then|please|moment|celsius|fahrenheit|days?|week)$/iu
const placeEnd =
  /\s+(?:right now|now|today|tonight|tomorrow|please|currently|(?:for|over|this|next|in|on|at|is|like|as)\b.*)$/iu
const separator = /,\s*(?:and\s+)?|\s+and\s+(?:also\s+)?/iu
const wordsMax = 4

/** Reads the places after `in`, `for` or `at`, while they look like names. */
function placesIn(clause: string): string[] {
  for (const { 0: word, index } of clause.matchAll(/\b(?:in|for|at|of)\s+/giu)) {
    const places: string[] = []
    for (const part of clause.slice(index + word.length).split(separator)) {
      const place = placeOf(part)
      if (place === undefined) break
      places.push(place)
    }
    if (places.length > 0) return places
  }
  return []
}

function placeOf(part: string): string | undefined {
  const place = part
    .trim()
    .replace(/^(?:in|for|at)\s+/iu, '')
    .replace(placeEnd, '')
    .replace(/[.\s]+$/u, '')
  const words = place.split(/\s+/u)
  const isName = words.every(
    (word) => /^\p{L}[\p{L}\p{M}'’./_-]*$/u.test(word) && !noPlace.test(word),
  )
  return isName && words.length <= wordsMax ? place : undefined
}
