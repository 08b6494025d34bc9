/** Style of a text: SGR codes, and the target of a link. */
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

/** Formats a text with its style, which does not affect later output. */
export function paint({ text, style: { codes, href } }: Piece): string {
  if (text === '') return ''
  const colored = codes.length === 0 ? text : `\x1b[${codes.join(';')}m${text}\x1b[0m`
  return href === undefined ? colored : `\x1b]8;;${href}\x1b\\${colored}\x1b]8;;\x1b\\`
}

/**
 * Removes the characters that move a cursor or change the text direction, for text of a server or
 * model. Line breaks and tabs stay.
 * Contract: works on single characters, so a stream can be cut anywhere.
 */
export const harmless = (text: string) =>
  text.replace(/[\u2028\u2029]/g, '\n').replace(/[\u202a-\u202e\u2066-\u2069]|[^\P{Cc}\n\t]/gu, '')
