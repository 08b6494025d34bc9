import { harmless, look, type Piece, plain, type Style } from '../style.ts'
import { cut, widthOf } from '../width.ts'
import { type Block, blockOf } from './block.ts'
import { inline } from './inline.ts'
import { sidesOf, tableLines } from './table.ts'
import { createWrap, lastGrapheme } from './wrap.ts'

/** Incremental renderer. The caller writes each returned text at once. */
export type Renderer = {
  write: (text: string) => string
  end: () => string
}

/** Passes text on without control characters. */
export const createPlain = (): Renderer => ({ write: harmless, end: () => '' })

const ruleColumnsMax = 60
const indentMax = (columns: number) => Math.min(12, Math.floor(columns / 4))

type Fence = { mark: string; indent: number; depth: number }

type Writing = {
  columns: number
  hasLinks: boolean
  wrap: ReturnType<typeof createWrap>
  held: string
  line: string
  /** Set while the text of a line is incomplete. */
  current: { style: Style; before: string } | undefined
  fence: Fence | undefined
  rows: string[]
}

/**
 * Renders Markdown for a terminal while it arrives: words when complete, marks when unambiguous,
 * code line by line, tables at their end. Line breaks are kept.
 * Contract: output is never revised, and it does not depend on how the text is cut into chunks.
 */
export function createMarkdown({
  columns,
  hasLinks = false,
}: {
  columns: number
  hasLinks?: boolean
}): Renderer {
  const wrap = createWrap(columns)
  const start = { held: '', line: '', current: undefined, fence: undefined, rows: [] }
  const it: Writing = { columns, hasLinks, wrap, ...start }
  return {
    write(text) {
      const all = it.held + harmless(text)
      const kept = lastGrapheme(all)
      it.held = all.slice(all.length - kept)
      renderText(it, all.slice(0, all.length - kept))
      return it.wrap.flush()
    },
    end() {
      renderText(it, it.held)
      it.held = ''
      if (it.line !== '' || it.current) grow(it, true)
      it.line = ''
      if (it.rows.length > 0) endTable(it)
      if (it.fence) endFence(it)
      return it.wrap.flush()
    },
  }
}

const bars = (depth: number): Piece[] =>
  Array.from({ length: depth }, () => ({ text: '│ ', style: look('dim') }))

const blank = (count: number): Piece => ({ text: ' '.repeat(count), style: plain })

function whole(it: Writing, pieces: readonly Piece[], depth = 0): void {
  it.wrap.begin(bars(depth))
  for (const piece of pieces) it.wrap.text(piece)
  it.wrap.endLine()
}

function rule(it: Writing, name = ''): void {
  const width = Math.min(it.columns, ruleColumnsMax)
  const begin = name === '' ? '' : `── ${cut(name, Math.max(1, it.columns - 6))} `
  const text = begin + '─'.repeat(Math.max(2, width - widthOf(begin)))
  it.wrap.raw({ text, style: look('dim') })
  it.wrap.endLine()
}

function endTable(it: Writing): void {
  const lines = it.rows
  it.rows = []
  const isTable = lines.length > 1 && sidesOf(lines[1]!)
  if (isTable) for (const pieces of tableLines(lines, it)) whole(it, pieces)
  else for (const text of lines) asText(it, text.trimStart())
}

function asText(it: Writing, text: string): void {
  whole(
    it,
    inline(text, { style: plain, isComplete: true, before: ' ', hasLinks: it.hasLinks }).pieces,
  )
}

function endFence(it: Writing): void {
  it.fence = undefined
  rule(it)
}

function codeLine(it: Writing, depth: number, rest: string): void {
  const { mark, indent } = it.fence!
  const closing = /^\s*(`{3,}|~{3,})\s*$/.exec(rest)?.[1]
  const isEnd = closing?.[0] === mark[0] && closing!.length >= mark.length
  if (isEnd) {
    endFence(it)
    return
  }
  const code = rest.replace(new RegExp(`^ {0,${indent}}`), '').replaceAll('\t', '    ')
  it.wrap.begin([...bars(depth), blank(Math.min(indent, indentMax(it.columns)))])
  it.wrap.raw({ text: code, style: look('cyan') })
  it.wrap.endLine()
}

/** Begins the line of a block. Returns its text. */
function begin(it: Writing, block: Block, depth: number): string {
  const before = bars(depth)
  const open = (style: Style, first: Piece[], following: Piece[], rest: string) => {
    it.wrap.begin([...before, ...first], [...before, ...following])
    it.current = { style, before: ' ' }
    return rest
  }
  if (block.kind === 'heading') {
    const style = block.level === 1 ? look('bold', 'underline') : look('bold')
    return open(style, [], [], block.rest)
  }
  if (block.kind === 'item') {
    const indent = blank(Math.min(block.indent, indentMax(it.columns)))
    const mark = /^\d/.test(block.mark) ? block.mark : '•'
    const first = [indent, { text: `${mark} `, style: plain }]
    return open(plain, first, [indent, blank(mark.length + 1)], block.rest)
  }
  const { indent, rest } = block as Extract<Block, { kind: 'text' }>
  const first = [blank(Math.min(indent, indentMax(it.columns)))]
  return open(plain, first, first, rest)
}

/** Contract: true if the line is consumed, false if its text follows, undefined if undecided. */
function start(it: Writing, isComplete: boolean): boolean | undefined {
  const quote = /^(?: {0,3}>)+ ?/.exec(it.line)?.[0] ?? ''
  if (!isComplete && /^[ >]*$/.test(it.line)) return undefined
  const depth = quote.split('>').length - 1
  if (it.fence && depth < it.fence.depth) endFence(it)
  if (it.fence) {
    if (isComplete)
      codeLine(it, it.fence.depth, it.line.slice(it.fence.depth > 0 ? quote.length : 0))
    return isComplete || undefined
  }
  const block = blockOf(it.line.slice(quote.length), isComplete)
  if (!block) return undefined
  const isRow = block.kind === 'row' && depth === 0
  if (isRow && !isComplete) return undefined
  if (isRow) {
    it.rows.push(it.line)
    if (it.rows.length === 2 && !sidesOf(it.line)) endTable(it)
    return true
  }
  if (it.rows.length > 0) endTable(it)
  return startBlock(it, block, depth, it.line.slice(quote.length))
}

function startBlock(it: Writing, block: Block, depth: number, text: string): boolean {
  if (block.kind === 'blank') {
    whole(it, [], depth)
    return true
  }
  if (block.kind === 'rule') {
    rule(it)
    return true
  }
  if (block.kind === 'fence') {
    it.fence = { mark: block.mark, indent: block.indent, depth }
    rule(it, block.info)
    return true
  }
  it.line = begin(it, block.kind === 'row' ? { kind: 'text', indent: 0, rest: text } : block, depth)
  return false
}

/** Renders the line as far as it is decided. `isComplete`: the line has ended. */
function grow(it: Writing, isComplete: boolean): void {
  if (!it.current && start(it, isComplete) !== false) return
  const { pieces, consumed } = inline(it.line, {
    ...it.current!,
    isComplete,
    hasLinks: it.hasLinks,
  })
  for (const piece of pieces) it.wrap.text(piece)
  if (consumed > 0) it.current!.before = it.line[consumed - 1]!
  it.line = it.line.slice(consumed)
  if (!isComplete) return
  it.wrap.endLine()
  it.current = undefined
}

function renderText(it: Writing, text: string): void {
  const parts = text.split('\n')
  for (const [at, part] of parts.entries()) {
    it.line += part
    const isComplete = at < parts.length - 1
    grow(it, isComplete)
    if (isComplete) it.line = ''
  }
}
