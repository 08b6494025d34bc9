import { marked, type Token } from 'marked'

export type Blocks = { text: string; blocks: readonly Token[] }

export const noBlocks: Blocks = { text: '', blocks: [] }

/** More text can change the last block or join it to the one before. Blank lines are blocks. */
const openBlocks = 4

/**
 * The blocks of a text; of one that grew, most are those of before.
 * Contract: pure. A link whose address stands far below it is one only when the whole text is read
 * at once.
 */
export function blocksOf(text: string, before: Blocks): Blocks {
  if (before.blocks.length <= openBlocks || !text.startsWith(before.text)) {
    return { text, blocks: marked.lexer(text) }
  }
  const kept = before.blocks.slice(0, -openBlocks)
  const length = kept.reduce((sum, { raw }) => sum + raw.length, 0)
  return { text, blocks: [...kept, ...marked.lexer(text.slice(length))] }
}
