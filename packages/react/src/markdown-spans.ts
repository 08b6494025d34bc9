/** A part of a line of Markdown. */
export type Span =
  | { kind: 'text' | 'code'; text: string }
  | { kind: 'strong' | 'em' | 'del'; text: string }
  | { kind: 'link'; text: string; href: string }
  | { kind: 'break' }

const special = /[\\`*_~[\n]|!\[|https?:\/\//g
/** Longest label and address of a link. */
const linkMax = 2_000
const candidatesMax = 10

const marks = { '**': 'strong', __: 'strong', '~~': 'del', '*': 'em', _: 'em' } as const

type SpanRange = { span: Span; end: number }

/**
 * Splits a text into spans. Strong and similar spans, and labels of links, are split in turn.
 * Contract: HTML is text. Time is linear in the length, also for unfinished or hostile Markdown.
 */
export function spansOf(text: string): Span[] {
  const spans: Span[] = []
  /** Marks that have no end in the rest of the text. */
  const missing = new Set<string>()
  let plain = ''
  const flush = () => {
    if (plain !== '') spans.push({ kind: 'text', text: plain })
    plain = ''
  }
  for (let at = 0; at < text.length; ) {
    special.lastIndex = at
    const next = special.exec(text)?.index ?? text.length
    plain += text.slice(at, next)
    if (next === text.length) break
    const found = spanAt(text, next, missing)
    if (!found) {
      plain += text[next]
      at = next + 1
    } else if (found.span.kind === 'text') {
      plain += found.span.text
      at = found.end
    } else {
      flush()
      spans.push(found.span)
      at = found.end
    }
  }
  flush()
  return spans
}

function spanAt(text: string, at: number, missing: Set<string>): SpanRange | undefined {
  switch (text[at]) {
    case '\\':
      return /[!-/:-@[-`{-~]/.test(text[at + 1] ?? '')
        ? { span: { kind: 'text', text: text[at + 1]! }, end: at + 2 }
        : undefined
    case '\n':
      return { span: { kind: 'break' }, end: at + 1 }
    case '`':
      return codeAt(text, at, missing)
    case 'h':
      return addressAt(text, at)
    case '[':
    case '!':
      return linkAt(text, at)
    default:
      return markedAt(text, at, missing)
  }
}

function codeAt(text: string, at: number, missing: Set<string>): SpanRange | undefined {
  const run = /`+/y
  run.lastIndex = at
  const mark = run.exec(text)![0]
  const start = at + mark.length
  const plain: SpanRange = { span: { kind: 'text', text: mark }, end: start }
  if (missing.has(mark)) return plain
  let end = text.indexOf(mark, start)
  while (end !== -1 && text[end + mark.length] === '`') {
    let after = end
    while (text[after] === '`') after += 1
    end = text.indexOf(mark, after)
  }
  if (end === -1) {
    missing.add(mark)
    return plain
  }
  const code = text.slice(start, end).replaceAll('\n', ' ')
  const isPadded = code.startsWith(' ') && code.endsWith(' ') && code.trim() !== ''
  const trimmed = isPadded ? code.slice(1, -1) : code
  return { span: { kind: 'code', text: trimmed }, end: end + mark.length }
}

function markedAt(text: string, at: number, missing: Set<string>): SpanRange | undefined {
  const double = text.slice(at, at + 2)
  const mark = (double in marks ? double : text[at]!) as keyof typeof marks
  if (!(mark in marks) || missing.has(mark)) return undefined
  const start = at + mark.length
  if (/\s/.test(text[start] ?? ' ')) return undefined
  // Underscores inside words are part of names.
  const isName = mark.startsWith('_')
  if (isName && /[\p{L}\p{N}]/u.test(text[at - 1] ?? '')) return undefined
  let end = text.indexOf(mark, start + 1)
  for (let tries = 0; end !== -1 && tries < candidatesMax; tries += 1) {
    const follows = text[end + mark.length] ?? ''
    const isInside = isName && /[\p{L}\p{N}]/u.test(follows)
    const isDouble = mark.length === 1 && (follows === mark || text[end - 1] === mark)
    // Of three marks, the inner one ends an inner span.
    if (mark.length === 2 && follows === mark[0]) end += 1
    if (!/\s/.test(text[end - 1]!) && !isInside && !isDouble) {
      return { span: { kind: marks[mark], text: text.slice(start, end) }, end: end + mark.length }
    }
    end = text.indexOf(mark, end + (isDouble && follows === mark ? 2 : 1))
  }
  if (end === -1) missing.add(mark)
  return undefined
}

/** A link or an image. Images are links, because loading one sends data to its server. */
function linkAt(text: string, at: number): SpanRange | undefined {
  const start = text[at] === '!' ? at + 2 : at + 1
  const near = text.slice(start, start + linkMax)
  const labelEnd = near.indexOf('](')
  if (labelEnd === -1 || near.indexOf(']') < labelEnd) return undefined
  const label = near.slice(0, labelEnd)
  const rest = text.slice(start + labelEnd + 2, start + labelEnd + 2 + linkMax)
  const found = /^<?([^\s<>]*?)>?(?:\s+"[^"]*")?\)/.exec(rest)
  if (!found) return undefined
  const end = start + labelEnd + 2 + found[0].length
  const href = safeAddress(found[1]!)
  const shown = label === '' ? found[1]! : label
  return { span: href ? { kind: 'link', text: shown, href } : { kind: 'text', text: shown }, end }
}

function addressAt(text: string, at: number): SpanRange | undefined {
  const near = text.slice(at, at + linkMax)
  const [found = ''] = /^https?:\/\/[^\s<>"'`\\]+/.exec(near) ?? []
  const address = found.replace(/[.,;:!?)\]*_~]+$/, '')
  const href = safeAddress(address)
  return href
    ? { span: { kind: 'link', text: address, href }, end: at + address.length }
    : undefined
}

/** Returns an address that a click may open, or undefined: no scripts and no data. */
function safeAddress(address: string): string | undefined {
  if (/^[/#](?![/\\])/.test(address)) return address
  if (!URL.canParse(address)) return undefined
  const { protocol, href } = new URL(address)
  return ['http:', 'https:', 'mailto:'].includes(protocol) ? href : undefined
}
