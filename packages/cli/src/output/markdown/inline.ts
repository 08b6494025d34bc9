import { type Piece, type Style, styled } from '../style.ts'

/** Longest distance of an opening mark from its closing one; beyond it the mark is literal. */
const spanMax = 600

type Inline = {
  style: Style
  /** Whether the line ends where the text does. */
  isComplete: boolean
  /** The character before the text. */
  before: string
  /** Whether the terminal supports links. Otherwise the URL is printed. */
  hasLinks: boolean
}

type InlineMatch = { pieces: Piece[]; end: number }
/** Result at a position: a match, a literal character, or undecided without more text. */
type Decision = InlineMatch | 'literal' | 'undecided'

const isWord = (character: string | undefined) =>
  character !== undefined && /[\p{L}\p{N}_]/u.test(character)
const isBlank = (character: string | undefined) => character === undefined || /\s/.test(character)

/**
 * The pieces of a line as far as they are certain: bold, italics, code, struck out, links.
 * Contract: how the line is cut on its way here makes no difference to the pieces.
 */
export function inline(text: string, how: Inline): { pieces: Piece[]; consumed: number } {
  const pieces: Piece[] = []
  let at = 0
  while (at < text.length) {
    const rest = text.slice(at).search(/[\\`*_~[<!]/)
    const special = rest < 0 ? text.length : at + rest
    if (special > at) pieces.push({ text: text.slice(at, special), style: how.style })
    at = special
    if (at === text.length) break
    const decision = decisionAt(text, at, how)
    if (decision === 'undecided') break
    if (decision === 'literal') {
      const length = /[`*_~]/.test(text[at]!) ? runAt(text, at) : 1
      pieces.push({ text: text.slice(at, at + length), style: how.style })
      at += length
    } else {
      pieces.push(...decision.pieces)
      at = decision.end
    }
  }
  return { pieces, consumed: at }
}

function decisionAt(text: string, at: number, how: Inline): Decision {
  const seen = {
    text: text.slice(0, at + spanMax),
    isComplete: how.isComplete || text.length >= at + spanMax,
  }
  const context = { ...how, ...seen, before: at === 0 ? how.before : text[at - 1]! }
  switch (text[at]) {
    case '\\':
      return escaped(seen.text, at, context)
    case '`':
      return code(seen.text, at, context)
    case '<':
      return address(seen.text, at, context)
    case '[':
      return link(seen.text, at, context)
    case '!':
      return image(seen.text, at, context)
    default:
      return emphasis(seen.text, at, context)
  }
}

const runAt = (text: string, at: number) => {
  let end = at
  while (text[end] === text[at]) end += 1
  return end - at
}

const whole = (content: string, { hasLinks }: Inline, style: Style) =>
  inline(content, { style, isComplete: true, before: ' ', hasLinks }).pieces

function escaped(text: string, at: number, { style, isComplete }: Inline): Decision {
  const next = text[at + 1]
  if (next === undefined) return isComplete ? 'literal' : 'undecided'
  if (!/[!-/:-@[-`{-~]/.test(next)) return 'literal'
  return { pieces: [{ text: next, style }], end: at + 2 }
}

/** Finds the end of inline code: its closing run of backticks. */
function endOfCode(text: string, at: number): number {
  const length = runAt(text, at)
  for (let end = at + length; ; ) {
    end = text.indexOf('`', end)
    if (end < 0) return -1
    const run = runAt(text, end)
    if (run === length) return end
    end += run
  }
}

function code(text: string, at: number, { style, isComplete }: Inline): Decision {
  const length = runAt(text, at)
  const end = endOfCode(text, at)
  const isCut = end < 0 || end + length === text.length
  if (isCut && !isComplete) return 'undecided'
  if (end < 0) return 'literal'
  const content = text.slice(at + length, end)
  const trimmed = /^ .*[^ ].* $/.test(content) ? content.slice(1, -1) : content
  return { pieces: [{ text: trimmed, style: styled(style, 'cyan') }], end: end + length }
}

const looks = { '1': ['italic'], '2': ['bold'], '~': ['strike'] } as const

function emphasis(text: string, at: number, how: Inline): Decision {
  const mark = text[at]!
  const length = runAt(text, at)
  const after = text[at + length]
  if (after === undefined && !how.isComplete) return 'undecided'
  if (length > (mark === '~' ? 2 : 3) || isBlank(after)) return 'literal'
  if (mark === '~' && length !== 2) return 'literal'
  if (mark === '_' && isWord(how.before)) return 'literal'
  // `2*3*4` is more often a product than an italic digit.
  if (mark === '*' && length === 1 && /[0-9A-Za-z]/.test(how.before)) return 'literal'
  const outer = length === 3 ? 1 : length
  const end = endOfEmphasis(text, at, how.isComplete)
  if (typeof end === 'string') return end
  const content = text.slice(at + outer, end - outer)
  const [name] = looks[mark === '~' ? '~' : outer === 1 ? '1' : '2']
  return { pieces: whole(content, how, styled(how.style, name)), end }
}

/** Finds the closing mark. Three marks are italics around bold. */
function endOfEmphasis(text: string, from: number, isComplete: boolean) {
  const mark = text[from]!
  const first = runAt(text, from)
  const open = first === 3 ? [1, 2] : [first]
  for (let at = from + first; at < text.length; ) {
    if (text[at] === '\\') at += 2
    else if (text[at] === '`') {
      const end = endOfCode(text, at)
      const length = runAt(text, at)
      if (end < 0 && !isComplete) return 'undecided'
      at = end < 0 ? at + length : end + length
    } else if (text[at] !== mark) at += 1
    else {
      const length = runAt(text, at)
      const after = text[at + length]
      if (after === undefined && !isComplete) return 'undecided'
      const left = closed(open, length, isClosing(text, at, after))
      if (open.length === 0) return at + length - left
      const isOpening = !isBlank(after) && (mark !== '_' || !isWord(text[at - 1]))
      if (left === length && isOpening && length <= 2 && mark !== '~') open.push(length)
      at += length
    }
  }
  return isComplete ? 'literal' : 'undecided'
}

const isClosing = (text: string, at: number, after: string | undefined) =>
  !isBlank(text[at - 1]) && (text[at] !== '_' || !isWord(after))

/** Closes open marks with a run of marks. Returns the number of remaining marks. */
function closed(open: number[], length: number, isClosing: boolean): number {
  let left = length
  while (isClosing && open.length > 0 && open.at(-1)! <= left) left -= open.pop()!
  return left
}

const isSafe = (url: string) => /^(https?|mailto):[^\s\x00-\x20]+$/i.test(url)

function linked(label: Piece[], url: string, { hasLinks, style }: Inline): Piece[] {
  const isShown = label.map(({ text }) => text).join('') === url
  if (hasLinks && isSafe(url)) {
    const href = encodeURI(decoded(url))
    return label.map(({ text, style }) => ({
      text,
      style: { ...styled(style, 'underline'), href },
    }))
  }
  const underlined = label.map(({ text, style }) => ({ text, style: styled(style, 'underline') }))
  return isShown ? underlined : [...underlined, { text: ` (${url})`, style: styled(style, 'dim') }]
}

function decoded(url: string): string {
  try {
    return decodeURI(url)
  } catch {
    return url
  }
}

/** `<https://…>` */
function address(text: string, at: number, how: Inline): Decision {
  const found = /^<((?:https?:\/\/|mailto:)[^\s<>]+)>/i.exec(text.slice(at))
  if (found) {
    const url = found[1]!
    return { pieces: linked([{ text: url, style: how.style }], url, how), end: at + url.length + 2 }
  }
  const begun = text.slice(at)
  const mayCome = /^<[a-z]{0,6}$|^<(https?|mailto):[^\s<>]*$/i.test(begun)
  return mayCome && !how.isComplete ? 'undecided' : 'literal'
}

/** `[label](url "title")` */
function link(text: string, at: number, how: Inline): Decision {
  const unsure = how.isComplete ? 'literal' : 'undecided'
  const end = endOfLabel(text, at)
  if (end < 0 || end + 1 >= text.length) return unsure
  if (text[end + 1] !== '(') return 'literal'
  const target = /^\(((?:[^\s()]|\([^\s()]*\))*)(?:\s+(?:"[^"]*"|'[^']*'))?\s*\)/.exec(
    text.slice(end + 1),
  )
  if (!target) return unsure
  const url = target[1]!
  const label = whole(text.slice(at + 1, end), how, how.style)
  return {
    pieces: linked(label.length > 0 ? label : [{ text: url, style: how.style }], url, how),
    end: end + 1 + target[0].length,
  }
}

function endOfLabel(text: string, from: number): number {
  let depth = 0
  for (let at = from; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1
    else if (text[at] === '[') depth += 1
    else if (text[at] === ']' && --depth === 0) return at
  }
  return -1
}

/** `![label](url)`: an image, printed as a link. */
function image(text: string, at: number, how: Inline): Decision {
  if (at + 1 === text.length) return how.isComplete ? 'literal' : 'undecided'
  return text[at + 1] === '[' ? link(text, at + 1, how) : 'literal'
}
