/**
 * Returns the text that completes `begun`, the beginning of a value's JSON as its author wrote it.
 * Undefined if the value does not begin so, as with a repeated key.
 * Contract: pure; linear in the length of both.
 */
export function restOfJson(begun: string, value: unknown): string | undefined {
  const whole = JSON.stringify(value)
  let at = 0
  for (let index = 0; index < begun.length; ) {
    const end = endOfToken(begun, index)
    const token = begun.slice(index, end)
    index = end
    if (/^\s/.test(token)) continue
    const isLast = end === begun.length
    if (isLast && !isClosed(token)) return restOfToken(token, whole.slice(at))
    const plain = canonical(token)
    if (plain === undefined || !whole.startsWith(plain, at)) return undefined
    at += plain.length
  }
  return whole.slice(at)
}

const isTextToken = (token: string) => token.startsWith('"')

/** True for a token that more text cannot continue. */
const isClosed = (token: string) =>
  isTextToken(token) ? endOfText(token, 0) !== undefined : /^[{}[\],:]/.test(token)

function endOfToken(text: string, begin: number): number {
  if (text[begin] === '"') return endOfText(text, begin) ?? text.length
  const kinds = [/\s+/y, /[{}[\],:]/y, /[^\s{}[\],:"]+/y]
  for (const kind of kinds) {
    kind.lastIndex = begin
    if (kind.test(text)) return kind.lastIndex
  }
  return begin + 1
}

/** The end of the string that begins at `begin`; undefined without its closing quote. */
function endOfText(text: string, begin: number): number | undefined {
  for (let at = begin + 1; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1
    else if (text[at] === '"') return at + 1
  }
  return undefined
}

/** A token as `JSON.stringify` writes it. */
function canonical(token: string): string | undefined {
  if (/^[{}[\],:]/.test(token)) return token
  const value = parsed(token)
  return value === undefined ? undefined : JSON.stringify(value)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The rest after an open token: a string without its end, or a number or word that may go on. */
function restOfToken(token: string, whole: string): string | undefined {
  if (isTextToken(token)) return restOfText(token, whole)
  if (whole.startsWith(token)) return whole.slice(token.length)
  const plain = canonical(token)
  return plain !== undefined && whole.startsWith(plain) ? whole.slice(plain.length) : undefined
}

function restOfText(token: string, whole: string): string | undefined {
  const open = openEscape(token)
  const read = parsed(`${token.slice(0, token.length - open.length)}"`)
  if (typeof read !== 'string') return undefined
  // The second half of a pair may be missing, which `whole` has as one character.
  const half = /[\ud800-\udbff]$/.exec(read)?.[0] ?? ''
  const plain = JSON.stringify(read.slice(0, read.length - half.length)).slice(0, -1)
  if (!whole.startsWith(plain)) return undefined
  const left = afterHalf(half, whole.slice(plain.length))
  return open === '' || left === undefined ? left : restOfEscape(open, left)
}

/** The rest after the first half of a pair. */
function afterHalf(half: string, left: string): string | undefined {
  if (half === '') return left
  if (left.startsWith(half)) return `\\u${hexOf(left[1]!)}${left.slice(2)}`
  const escaped = `\\u${hexOf(half)}`
  return left.startsWith(escaped) ? left.slice(escaped.length) : undefined
}

/** The escape at the end of an open string that lacks characters; empty for none. */
function openEscape(token: string): string {
  const [open = ''] = /\\(?:u[0-9a-f]{0,3})?$/i.exec(token.slice(-5)) ?? []
  if (open === '') return ''
  const begin = token.length - open.length
  let before = begin
  while (token[before - 1] === '\\') before -= 1
  return (begin - before) % 2 === 0 ? open : ''
}

const letters: Record<string, string> = {
  '"': '"',
  '\\': '\\',
  '\b': 'b',
  '\f': 'f',
  '\n': 'n',
  '\r': 'r',
  '\t': 't',
}

/** Completes an escape that represents the first character of `left`. */
function restOfEscape(open: string, left: string): string | undefined {
  const [first = ''] = /^(?:\\u.{4}|\\.|[^\\])/s.exec(left) ?? []
  const unit: string = first === '' || first === '"' ? '' : JSON.parse(`"${first}"`)
  if (unit === '') return undefined
  const after = left.slice(first.length)
  if (open === '\\') return (letters[unit] ?? `u${hexOf(unit)}`) + after
  const digits = open.slice(2)
  const hex = hexOf(unit)
  return hex.startsWith(digits.toLowerCase()) ? hex.slice(digits.length) + after : undefined
}

const hexOf = (unit: string) => unit.charCodeAt(0).toString(16).padStart(4, '0')
