/** A block of Markdown with its source, so that views compare blocks as texts. */
export type Block = { kind: BlockKind; source: string }
export type BlockKind = 'code' | 'heading' | 'rule' | 'quote' | 'list' | 'table' | 'paragraph'

const fence = /^ {0,3}(```+|~~~+)/
const rule = /^ {0,3}([-*_])(?: *\1){2,} *$/
/** Longest closing sequence of a heading, with the space before it. */
const closingMax = 20
const listItem = /^( *)([-*+]|\d{1,9}[.)])(?: +|$)/
const delimiterCell = /^:?-+:?$/

/** Splits Markdown into its blocks. An open code block ends with the text. Contract: linear. */
export function blocksOf(text: string): Block[] {
  const lines = text.split('\n')
  const blocks: Block[] = []
  for (let at = 0; at < lines.length; ) {
    if (lines[at]!.trim() === '') {
      at += 1
      continue
    }
    const kind = kindOf(lines, at)
    const end = ends[kind](lines, at)
    blocks.push({ kind, source: lines.slice(at, end).join('\n') })
    at = end
  }
  return blocks
}

function kindOf(lines: readonly string[], at: number): BlockKind {
  const line = lines[at]!
  if (fence.test(line)) return 'code'
  if (/^ {0,3}#{1,6}(?: |$)/.test(line)) return 'heading'
  if (rule.test(line)) return 'rule'
  if (/^ {0,3}>/.test(line)) return 'quote'
  if (listItem.test(line)) return 'list'
  return isTable(lines, at) ? 'table' : 'paragraph'
}

const isTable = (lines: readonly string[], at: number) =>
  lines[at]!.includes('|') &&
  (lines[at + 1] ?? '').includes('-') &&
  cellsOf(lines[at + 1]!).every((cell) => delimiterCell.test(cell))

type End = (lines: readonly string[], at: number) => number

/** The first line from `at` on that does not belong to the block. */
const skip = (lines: readonly string[], at: number, belongs: (line: string) => boolean) => {
  let end = at
  while (end < lines.length && belongs(lines[end]!)) end += 1
  return end
}

/** The end of each kind of block that begins at a line. */
const ends: Record<BlockKind, End> = {
  code(lines, at) {
    const mark = fence.exec(lines[at]!)![1]!
    const isEnd = (line: string) => line.trim().startsWith(mark) && /^[`~ ]*$/.test(line)
    return Math.min(lines.length, skip(lines, at + 1, (line) => !isEnd(line)) + 1)
  },
  heading: (_, at) => at + 1,
  rule: (_, at) => at + 1,
  quote: (lines, at) => skip(lines, at, (line) => /^ {0,3}>/.test(line)),
  list(lines, at) {
    const isPart = (line: string) => listItem.test(line) || line.startsWith('  ')
    for (let end = at; ; ) {
      end = skip(lines, end, (line) => line.trim() !== '' && (isPart(line) || !isStart(line)))
      const next = skip(lines, end, (line) => line.trim() === '')
      if (next === end || next >= lines.length || !isPart(lines[next]!)) return end
      end = next
    }
  },
  table: (lines, at) => skip(lines, at, (line) => line.includes('|')),
  paragraph: (lines, at) =>
    skip(lines, at + 1, (line) => line.trim() !== '' && !isStart(line) && !listItem.test(line)),
}

/** Tests whether a line begins a block inside a paragraph. */
const isStart = (line: string) =>
  fence.test(line) || rule.test(line) || /^ {0,3}(#{1,6} |>)/.test(line)

/** Returns the content of a code block. */
export function codeOf(source: string): { language: string; text: string } {
  const [first = '', ...lines] = source.split('\n')
  const mark = fence.exec(first)![1]!
  if (lines.at(-1)?.trim().startsWith(mark)) lines.pop()
  return {
    language: first
      .trim()
      .replace(/^[`~]+/, '')
      .trim(),
    text: lines.join('\n'),
  }
}

/** Returns the level and the text of a heading. */
export function headingOf(source: string): { level: number; text: string } {
  const line = source.trim()
  const level = /^#*/.exec(line)![0].length
  const text = line.slice(level).trim()
  const isClosed = /(?:^| )#+$/.test(text.slice(-closingMax))
  return { level, text: isClosed ? text.slice(0, text.lastIndexOf(' ') + 1).trim() : text }
}

/** Returns the Markdown inside a quote. */
export const quotedIn = (source: string) => source.replace(/^ {0,3}> ?/gm, '')

/** Returns the items of a list, each as Markdown. */
export function itemsIn(source: string): { isOrdered: boolean; start: number; items: string[] } {
  const lines = source.split('\n')
  const [, indent = '', mark = '-'] = listItem.exec(lines[0]!) ?? []
  const items: string[][] = []
  for (const line of lines) {
    const found = listItem.exec(line)
    const isItem = found && found[1]!.length <= indent.length + 1
    if (isItem || items.length === 0) items.push([line.slice(found?.[0].length ?? 0)])
    else items.at(-1)!.push(line.replace(/^ {1,4}/, ''))
  }
  const texts = items.map((lines) => lines.join('\n'))
  return { isOrdered: /\d/.test(mark), start: Number.parseInt(mark, 10) || 1, items: texts }
}

/** Returns the cells of a table. */
export function rowsOf(source: string): { head: string[]; rows: string[][] } {
  const [head = '', , ...rows] = source.split('\n')
  return { head: cellsOf(head), rows: rows.map(cellsOf) }
}

const cellsOf = (row: string) =>
  row
    .trim()
    .replace(/^\||(?<!\\)\|$/g, '')
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim().replaceAll('\\|', '|'))
