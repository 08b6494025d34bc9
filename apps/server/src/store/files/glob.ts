/**
 * Converts a glob to an RE2 pattern for whole paths. `*` and `?` match within one name, `**` across
 * names; `[a-z]`, `[!a-z]` and `{this,that}` are supported; `\` escapes the next character. A glob
 * without `/` matches names at any depth.
 * Contract: pure; the pattern is valid for every glob.
 */
export function globPattern(glob: string): string {
  const anchored = glob.includes('/')
  const body = translate(anchored ? glob.replace(/^\//, '') : glob)
  return anchored ? `^/${body}$` : `^(?:.*/)?${body}$`
}

const token = /\*\*\/|\*+|\?|\[!?\]?[^\]]*\]|\\.|[{},]|./gsu

function translate(glob: string): string {
  const closes = balanced(glob)
  let open = 0
  return [...glob.matchAll(token)]
    .map(([part]) => {
      if (part === '**/') return '(?:.*/)?'
      if (part.startsWith('**')) return '.*'
      if (part === '*') return '[^/]*'
      if (part === '?') return '[^/]'
      if (part.length > 1 && part.startsWith('[')) return charClass(part)
      if (part.length > 1 && part.startsWith('\\')) return literal(part.slice(1))
      if (closes && part === '{') open += 1
      else if (closes && part === '}') open -= 1
      else if (!(part === ',' && open > 0)) return literal(part)
      return { '{': '(?:', '}': ')', ',': '|' }[part]
    })
    .join('')
}

/** True when every brace is paired; else braces are ordinary characters. */
function balanced(glob: string): boolean {
  let open = 0
  for (const [part] of glob.matchAll(token)) {
    if (part === '{') open += 1
    if (part === '}') open -= 1
    if (open < 0) return false
  }
  return open === 0
}

function charClass(part: string): string {
  const negated = part.startsWith('[!')
  const members = part.slice(negated ? 2 : 1, -1)
  const ranges = [...members.matchAll(/(.)-(.)|./gsu)].map(([one, from, to]) => {
    if (from === undefined || to === undefined) return literal(one)
    return from <= to ? `${literal(from)}-${literal(to)}` : ''
  })
  const known = ranges.join('')
  if (known === '') return negated ? '[^/]' : '[^\\x{0}-\\x{10FFFF}]'
  return negated ? `[^/${known}]` : `[${known}]`
}

const literal = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
