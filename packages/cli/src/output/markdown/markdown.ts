import { harmless, look, type Piece, plain, type Style } from '../style.ts'
import { type Block, blockOf } from './block.ts'
import { inline } from './inline.ts'
import { sidesOf, tableLines } from './table.ts'
import { createWrap, lastGrapheme } from './wrap.ts'

/** Text on its way to the terminal: what it gives is to be written at once. */
export type Renderer = {
  write: (text: string) => string
  end: () => string
}

/** Text as it is, but for what could move a cursor. */
export const createPlain = (): Renderer => ({ write: harmless, end: () => '' })

const ruleColumnsMax = 60
const indentMax = (columns: number) => Math.min(12, Math.floor(columns / 4))

type Fence = { mark: string; indent: number; depth: number }

/**
 * Markdown as a terminal shows it, while it comes: words as soon as they are whole, marks as soon
 * as it is certain what they are, code line by line, tables when they end. Line breaks stay where
 * they are.
 * Contract: what was given out is never taken back, and how the text is cut into portions changes
 * nothing of what is seen.
 */
export function createMarkdown({
  columns,
  hasLinks = false,
}: {
  columns: number
  hasLinks?: boolean
}): Renderer {
  const wrap = createWrap(columns)
  const ruleColumns = Math.min(columns, ruleColumnsMax)
  let held = ''
  let line = ''
  /** Set while the text of a line is on its way. */
  let current: { style: Style; before: string } | undefined
  let fence: Fence | undefined
  let rows: string[] = []

  const bars = (depth: number): Piece[] =>
    Array.from({ length: depth }, () => ({ text: '│ ', style: look('dim') }))
  const blank = (count: number): Piece => ({ text: ' '.repeat(count), style: plain })

  function whole(pieces: readonly Piece[], depth = 0): void {
    wrap.begin(bars(depth))
    for (const piece of pieces) wrap.text(piece)
    wrap.endLine()
  }

  function rule(name = ''): void {
    const begin = name === '' ? '' : `── ${name} `
    const text = begin + '─'.repeat(Math.max(2, ruleColumns - begin.length))
    wrap.raw({ text, style: look('dim') })
    wrap.endLine()
  }

  function endTable(): void {
    const lines = rows
    rows = []
    const isTable = lines.length > 1 && sidesOf(lines[1]!)
    if (isTable) for (const pieces of tableLines(lines, { columns, hasLinks })) whole(pieces)
    else for (const text of lines) asText(text.trimStart())
  }

  function asText(text: string): void {
    whole(inline(text, { style: plain, isComplete: true, before: ' ', hasLinks }).pieces)
  }

  function endFence(): void {
    fence = undefined
    rule()
  }

  function codeLine(depth: number, rest: string): void {
    const { mark, indent } = fence!
    const closing = /^\s*(`{3,}|~{3,})\s*$/.exec(rest)?.[1]
    const isEnd = closing?.[0] === mark[0] && closing!.length >= mark.length
    if (isEnd) {
      endFence()
      return
    }
    const code = rest.replace(new RegExp(`^ {0,${indent}}`), '').replaceAll('\t', '    ')
    wrap.begin([...bars(depth), blank(Math.min(indent, indentMax(columns)))])
    wrap.raw({ text: code, style: look('cyan') })
    wrap.endLine()
  }

  /** Begins the line whose text is read from now on, and gives that text. */
  function begin(block: Block, depth: number): string {
    const before = bars(depth)
    const open = (style: Style, first: Piece[], following: Piece[], rest: string) => {
      wrap.begin([...before, ...first], [...before, ...following])
      current = { style, before: ' ' }
      return rest
    }
    if (block.kind === 'heading') {
      const style = block.level === 1 ? look('bold', 'underline') : look('bold')
      return open(style, [], [], block.rest)
    }
    if (block.kind === 'item') {
      const indent = blank(Math.min(block.indent, indentMax(columns)))
      const mark = /^\d/.test(block.mark) ? block.mark : '•'
      const first = [indent, { text: `${mark} `, style: plain }]
      return open(plain, first, [indent, blank(mark.length + 1)], block.rest)
    }
    const { indent, rest } = block as Extract<Block, { kind: 'text' }>
    const first = [blank(Math.min(indent, indentMax(columns)))]
    return open(plain, first, first, rest)
  }

  /** Contract: true if the line is consumed, false if its text is read, undefined for more. */
  function start(isComplete: boolean): boolean | undefined {
    const quote = /^(?: {0,3}>)+ ?/.exec(line)?.[0] ?? ''
    if (!isComplete && /^[ >]*$/.test(line)) return undefined
    const depth = quote.split('>').length - 1
    if (fence && depth < fence.depth) endFence()
    if (fence) {
      if (isComplete) codeLine(fence.depth, line.slice(fence.depth > 0 ? quote.length : 0))
      return isComplete || undefined
    }
    const block = blockOf(line.slice(quote.length), isComplete)
    if (!block) return undefined
    const isRow = block.kind === 'row' && depth === 0
    if (isRow && !isComplete) return undefined
    if (isRow) {
      rows.push(line)
      if (rows.length === 2 && !sidesOf(line)) endTable()
      return true
    }
    if (rows.length > 0) endTable()
    return startBlock(block, depth, line.slice(quote.length))
  }

  function startBlock(block: Block, depth: number, text: string): boolean {
    if (block.kind === 'blank') {
      whole([], depth)
      return true
    }
    if (block.kind === 'rule') {
      rule()
      return true
    }
    if (block.kind === 'fence') {
      fence = { mark: block.mark, indent: block.indent, depth }
      rule(block.info)
      return true
    }
    line = begin(block.kind === 'row' ? { kind: 'text', indent: 0, rest: text } : block, depth)
    return false
  }

  /** The line has grown; `isComplete` when no more of it comes. */
  function grow(isComplete: boolean): void {
    if (!current && start(isComplete) !== false) return
    const { pieces, consumed } = inline(line, { ...current!, isComplete, hasLinks })
    for (const piece of pieces) wrap.text(piece)
    if (consumed > 0) current!.before = line[consumed - 1]!
    line = line.slice(consumed)
    if (!isComplete) return
    wrap.endLine()
    current = undefined
  }

  function take(text: string): void {
    const parts = text.split('\n')
    for (const [at, part] of parts.entries()) {
      line += part
      const isComplete = at < parts.length - 1
      grow(isComplete)
      if (isComplete) line = ''
    }
  }

  return {
    write(text) {
      const all = held + harmless(text)
      const kept = lastGrapheme(all)
      held = all.slice(all.length - kept)
      take(all.slice(0, all.length - kept))
      return wrap.flush()
    },
    end() {
      take(held)
      held = ''
      if (line !== '' || current) grow(true)
      line = ''
      if (rows.length > 0) endTable()
      if (fence) endFence()
      return wrap.flush()
    },
  }
}
