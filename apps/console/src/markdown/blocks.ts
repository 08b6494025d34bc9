import { Lexer, type Token, type Tokenizer } from 'marked'

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
/** For some of these the lexer searches the rest of the text for an end. */
const marks = /[*_~!]|\]\(|<[!?]/
/** The lexer reads the rest of a name of an e-mail address again for each of its characters. */
const mailNameMax = 200
const longMailName = new RegExp(`^[a-zA-Z0-9.!#$%&'*+/=?_\`{|}~-]{${mailNameMax}}$`)
/** Longer addresses are no links: the lexer removes marks at their end one by one. */
const addressMax = 2_000
const longAddress = new RegExp(`^[^\\s<]{${addressMax + 1}}`)
/** Items and quotes with more lines are plain: the lexer copies an item again for each line. */
const nestedLinesMax = 2_000
/** Texts are plain if the search for long items reads more lines: it reads some lines again. */
const readLinesMax = 1_000_000

const plainToken = (text: string): Token => ({ type: 'plain', raw: text, text })

type Parse = (text: string, tokens?: Token[], isClipped?: boolean) => Token[]

function isLongInline(text: string): boolean {
  if (text.split(marks).length > marksMax) return true
  for (let at = text.indexOf('@'); at >= 0; at = text.indexOf('@', at + 1)) {
    if (longMailName.test(text.slice(Math.max(0, at - mailNameMax), at))) return true
  }
  return false
}

/** The beginning of an item of a list. */
const beginning = /^( {0,3})(?:[-*+]|\d{1,9}[.)])(?=[ \t]|$)/

/** True for a list with an item of too many lines. Reads no line after the end of the list. */
function isLongList(text: string, ends: readonly RegExp[], countLine: () => void): boolean {
  let lines = 0
  let outer = 0
  let isAfterBlank = false
  for (let at = 0, end = 0; end >= 0; at = end + 1) {
    end = text.indexOf('\n', at)
    const line = text.slice(at, end < 0 ? undefined : end)
    const indent = beginning.exec(line)?.[1]?.length
    const isBlank = line.trim() === ''
    if (indent !== undefined && (lines === 0 || indent <= outer)) {
      lines = 1
      outer = indent
    } else if (lines === 0 || (isAfterBlank && /^[^ \t]/.test(line))) return false
    else if (ends.some((one) => one.test(line))) return false
    else lines++
    countLine()
    if (lines > nestedLinesMax) return true
    isAfterBlank = isBlank
  }
  return false
}

/**
 * The tokenizer without links at long addresses. It throws for lists and quotes that take long.
 * Contract: does not change the one of others.
 */
function limitedTokenizer(tokenizer: Tokenizer): Tokenizer {
  const limited: Tokenizer = Object.create(tokenizer)
  const { block, other } = tokenizer.rules
  // Without an indentation, these end a list wherever they are.
  const ends = [
    other.fencesBeginRegex(1),
    other.headingBeginRegex(1),
    other.htmlBeginRegex(1),
    other.blockquoteBeginRegex(1),
  ]
  let read = 0
  const countLine = () => {
    read++
    if (read > readLinesMax) throw new Error('too many lists')
  }
  limited.url = (text) => (longAddress.test(text) ? undefined : tokenizer.url.call(limited, text))
  limited.list = (text) => {
    if (isLongList(text, ends, countLine)) throw new Error('a long item')
    return tokenizer.list.call(limited, text)
  }
  limited.blockquote = (text) => {
    const lines = block.blockquote.exec(text)?.[0].split('\n').length ?? 0
    if (lines > nestedLinesMax) throw new Error('a long quote')
    return tokenizer.blockquote.call(limited, text)
  }
  return limited
}

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
    tokenizer: limitedTokenizer(lexer.options.tokenizer!),
    blockTokens: limited(lexer.blockTokens, () => false),
    inlineTokens: limited(lexer.inlineTokens, isLongInline),
  })
  try {
    return lexer.lex(text)
  } catch {
    return [plainToken(text)]
  }
}
