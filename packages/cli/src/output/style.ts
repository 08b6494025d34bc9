/** How a piece of text looks: codes of SGR, and where a click leads. */
export type Style = { codes: readonly number[]; href?: string }

export type Piece = { text: string; style: Style }

const sgr = { bold: 1, dim: 2, italic: 3, underline: 4, strike: 9, red: 31, green: 32, cyan: 36 }

export type Look = keyof typeof sgr

export const plain: Style = { codes: [] }

export const styled = ({ codes, href }: Style, ...looks: Look[]): Style => ({
  codes: [...codes, ...looks.map((look) => sgr[look])],
  ...(href !== undefined && { href }),
})

export const look = (...looks: Look[]): Style => styled(plain, ...looks)

/** The text with its style, which ends with the text and does not affect later output. */
export function paint({ text, style: { codes, href } }: Piece): string {
  if (text === '') return ''
  const colored = codes.length === 0 ? text : `\x1b[${codes.join(';')}m${text}\x1b[0m`
  return href === undefined ? colored : `\x1b]8;;${href}\x1b\\${colored}\x1b]8;;\x1b\\`
}

/**
 * Text of a server or model for a terminal: line breaks and tabs stay, nothing else that could move
 * a cursor or turn the direction of the text does.
 * Contract: goes by single characters, so that it does not matter where a stream is cut.
 */
export const harmless = (text: string) =>
  text.replace(/[\u2028\u2029]/g, '\n').replace(/[\u202a-\u202e\u2066-\u2069]|[^\P{Cc}\n\t]/gu, '')
