import { Lexer, type Token } from 'marked'

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
    return { text, blocks: lexed(text) }
  }
  const kept = before.blocks.slice(0, -openBlocks)
  const length = kept.reduce((sum, { raw }) => sum + raw.length, 0)
  return { text, blocks: [...kept, ...lexed(text.slice(length))] }
}

/** Deeper Markdown is plain text: the lexer and React would exceed the stack. */
const depthMax = 50
/** Texts with more of them are plain: the lexer takes a time that grows with their square. */
const marksMax = 500

const plainToken = (text: string): Token => ({ type: 'plain', raw: text, text })

type Parse = (text: string, tokens?: Token[], isClipped?: boolean) => Token[]

/** Parses Markdown. What it cannot parse in a short time becomes tokens of the type `plain`. */
function lexed(text: string): Token[] {
  const lexer = new Lexer()
  let depth = 0
  const limited =
    (parse: Parse, isLong: (text: string) => boolean): Parse =>
    (text, tokens = [], isClipped) => {
      if (depth >= depthMax || isLong(text)) {
        tokens.push(plainToken(text))
        return tokens
      }
      depth++
      parse.call(lexer, text, tokens, isClipped)
      depth--
      return tokens
    }
  Object.assign(lexer, {
    blockTokens: limited(lexer.blockTokens, () => false),
    inlineTokens: limited(lexer.inlineTokens, (text) => text.split(/[*_~]/).length > marksMax),
  })
  try {
    return lexer.lex(text)
  } catch {
    return [plainToken(text)]
  }
}
