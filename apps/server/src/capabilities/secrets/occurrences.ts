/** Finds secrets in texts, however their characters are written. */

/** A word to find, and how the characters of a text are read for it. */
export type Word = {
  text: string
  read: Reader
  /** Where the word may begin: its first characters, in all ways in which they are written. */
  start: RegExp
  /** For each length of a beginning of the word, the length of the next one that can match. */
  shorter: Uint32Array
}

/** Reads the character at a place: its code, and its length in the text. */
type Reader = (text: string, at: number) => number

/** Numbers instead of objects, because a text has many characters. */
const packedCharacter = (code: number, length: number) => code * 64 + length
const codeOf = (packed: number) => packed >> 6
const lengthOf = (packed: number) => packed & 63

const plain: Reader = (text, at) => packedCharacter(text.charCodeAt(at), 1)

const letters: Record<string, number> = { b: 8, t: 9, n: 10, f: 12, r: 13 }
const names: Record<string, number> = { amp: 38, lt: 60, gt: 62, quot: 34, apos: 39 }
const percent = /%([0-9a-f]{2})/iy
const backslash = /\\(?:u([0-9a-f]{4})|x([0-9a-f]{2})|([btnfr])|([^0-9A-Za-z]))/iy
const entity = /&(?:#x([0-9a-f]{1,6})|#([0-9]{1,7})|(amp|lt|gt|quot|apos));/iy

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at
  return pattern.exec(text)
}

/** Reads characters that URLs, JSON, HTML or Markdown have escaped. */
const escaped: Reader = (text, at) => {
  const code = text.charCodeAt(at)
  if (code === 37) {
    const [whole, hex] = matchAt(percent, text, at) ?? []
    if (whole) return packedCharacter(Number.parseInt(hex!, 16), whole.length)
  }
  if (code === 92) {
    const [whole, u, x, letter, mark] = matchAt(backslash, text, at) ?? []
    if (whole && letter) return packedCharacter(letters[letter.toLowerCase()]!, whole.length)
    if (whole && mark) return packedCharacter(mark.charCodeAt(0), whole.length)
    if (whole) return packedCharacter(Number.parseInt((u ?? x)!, 16), whole.length)
  }
  if (code === 38) {
    const [whole, hex, decimal, name] = matchAt(entity, text, at) ?? []
    if (whole && name) return packedCharacter(names[name.toLowerCase()]!, whole.length)
    if (whole)
      return packedCharacter(hex ? Number.parseInt(hex, 16) : Number(decimal), whole.length)
  }
  return packedCharacter(code, 1)
}

/** The end of a line with the indent of the next one, also escaped as in JSON, URLs or XML. */
const lineBreak = String.raw`(?:[\r\n]|\\[rn]|\\u000[aAdD]|%0[aAdD]|&#(?:1[03]|[xX][aAdD]);){1,2}(?:[ \t]|\\t){0,16}`
const breakHere = new RegExp(lineBreak, 'y')
const breakStarts = new Set(Array.from('\r\n\\%&', (unit) => unit.charCodeAt(0)))

/** Reads both alphabets of base64, also escaped or on several lines. */
const base64: Reader = (text, at) => {
  const read = escaped(text, at)
  const [code, length] = [codeOf(read), lengthOf(read)]
  const known = code === 45 ? 43 : code === 95 ? 47 : code
  const next = text.charCodeAt(at + length)
  const isBreak = breakStarts.has(next)
  const [skipped = ''] = (isBreak && matchAt(breakHere, text, at + length)) || []
  return packedCharacter(known, length + skipped.length)
}

const lowerCase: Reader = (text, at) => {
  const code = text.charCodeAt(at)
  return packedCharacter(code >= 65 && code <= 90 ? code + 32 : code, 1)
}

/** Characters of the beginning by which a word is looked for. */
const startLength = 4

const literal = (unit: string) => unit.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')

const anyCase = (text: string) =>
  text.replace(/[a-f]/g, (letter) => `[${letter}${letter.toUpperCase()}]`)

/** A pattern of what the escaping reader reads as a character. */
function escapedUnit(unit: string): string {
  const code = unit.charCodeAt(0)
  const hex = code.toString(16)
  const padded = (digits: number) => anyCase(hex.padStart(digits, '0'))
  const name = Object.keys(names).find((one) => names[one] === code)
  const letter = Object.keys(letters).find((one) => letters[one] === code)
  const ways = [
    literal(unit),
    ...(code < 256 ? [`%${padded(2)}`, `\\\\[xX]${padded(2)}`] : []),
    `\\\\[uU]${padded(4)}`,
    `&#0*${code};`,
    `&#[xX]0*${anyCase(hex)};`,
    ...(name ? [`&[${name[0]}${name[0]!.toUpperCase()}]\\w+;`] : []),
    ...(letter ? [`\\\\[${letter}${letter.toUpperCase()}]`] : []),
    ...(/[^0-9A-Za-z]/.test(unit) ? [`\\\\${literal(unit)}`] : []),
  ]
  return `(?:${ways.join('|')})`
}

const others: Record<string, string> = { '+': '-', '/': '_' }

function base64Unit(unit: string): string {
  const other = others[unit]
  const either = [unit, ...(other ? [other] : [])].map(escapedUnit)
  return `(?:${either.join('|')})(?:${lineBreak})?`
}

const hexUnit = (unit: string) => anyCase(unit)

const word = (text: string, read: Reader, unitOf: (unit: string) => string): Word => ({
  text,
  read,
  start: new RegExp(text.slice(0, startLength).split('').map(unitOf).join(''), 'g'),
  shorter: shorterOf(text),
})

/** The table of Knuth, Morris and Pratt. */
function shorterOf(text: string): Uint32Array {
  const shorter = new Uint32Array(text.length)
  for (let at = 1, length = 0; at < text.length; at += 1) {
    while (length > 0 && text[at] !== text[length]) length = shorter[length - 1]!
    if (text[at] === text[length]) length += 1
    shorter[at] = length
  }
  return shorter
}

/** The words of a secret: as it is, escaped, in base64 within other text, and in hexadecimal. */
export function wordsOf(secret: string): Word[] {
  const bytes = Buffer.from(secret)
  const utf8 = bytes.toString('latin1')
  const forms = new Set([secret, utf8, secret.replaceAll(' ', '+')])
  return [
    word(secret, plain, literal),
    ...[...forms].map((text) => word(text, escaped, escapedUnit)),
    ...[0, 1, 2].map((before) => word(base64At(bytes, before), base64, base64Unit)),
    word(bytes.toString('hex'), lowerCase, hexUnit),
  ]
}

/** The characters of base64 that depend on these bytes only, after a number of other bytes. */
function base64At(bytes: Buffer, before: number): string {
  const text = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64')
  const end = Math.floor(((before + bytes.length) * 8) / 6)
  return text.slice(Math.ceil((before * 8) / 6), end)
}

/** Replaces a word wherever it occurs in a text. Contract: linear in the length of the text. */
export function replaceWord(given: string, { text, read, start, shorter }: Word, by: string) {
  const { length } = text
  if (given.length < length) return given
  /** Where the last characters begin. */
  const places = new Uint32Array(length)
  let [matched, count, kept, out] = [0, 0, 0, '']
  for (let at = 0; at < given.length; count += 1) {
    if (matched === 0) {
      start.lastIndex = at
      const next = start.exec(given)
      if (!next) break
      at = next.index
    }
    const next = read(given, at)
    places[count % length] = at
    at += lengthOf(next)
    const code = codeOf(next)
    while (matched > 0 && text.charCodeAt(matched) !== code) matched = shorter[matched - 1]!
    if (text.charCodeAt(matched) === code) matched += 1
    if (matched < length) continue
    out += given.slice(kept, places[(count + 1) % length]!) + by
    kept = at
    matched = 0
  }
  return kept === 0 ? given : out + given.slice(kept)
}
