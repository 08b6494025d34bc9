import { marked, type Token } from 'marked'

export type Blocks = { text: string; blocks: readonly Token[] }

export const noBlocks: Blocks = { text: '', blocks: [] }

/** Blocks that later text can change or merge. Blank lines are blocks. */
const openBlocks = 4

/**
 * Parses a text into blocks. Reuses most blocks of the text before it grew.
 * Contract: pure. A reference link whose definition follows much later is recognized only when the
 * whole text is parsed at once.
 */
export function blocksOf(text: string, before: Blocks): Blocks {
  if (before.blocks.length <= openBlocks || !text.startsWith(before.text)) {
    return { text, blocks: marked.lexer(text) }
  }
  const kept = before.blocks.slice(0, -openBlocks)
  const length = kept.reduce((sum, { raw }) => sum + raw.length, 0)
  return { text, blocks: [...kept, ...marked.lexer(text.slice(length))] }
}
