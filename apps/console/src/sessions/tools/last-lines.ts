const linesMax = 24
const lengthMax = 4_000

/** Cuts a text to its last 24 lines or 4,000 characters. */
export function lastLines(text: string): string {
  const lines = text.slice(-lengthMax).replace(/\n$/, '').split('\n')
  const short = lines.slice(-linesMax).join('\n')
  return short.length < text.replace(/\n$/, '').length ? `…${short}` : text
}
