const linesMax = 24
const lengthMax = 4_000
const parsedMax = 1_000_000

/** A value as JSON that a person can read. */
export const jsonOf = (value: unknown) => JSON.stringify(value, null, 2) ?? 'undefined'

/** What a text is as JSON, where it looks like a list or an object. */
export function parsed(text: string): unknown {
  if (text.length >= parsedMax || !/^\s*[[{]/.test(text)) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The beginning of a text that is long. */
export function cut(text: string): string {
  const lines = text.slice(0, lengthMax).split('\n', linesMax + 1)
  const short = lines.slice(0, linesMax).join('\n')
  return short.length < text.length ? `${short}…` : text
}
