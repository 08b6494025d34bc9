const newline = 10
const carriageReturn = 13
const colon = 58
const id = Buffer.from('id:')

/**
 * Counts the bytes that a reader of an event stream can hold: the line that has no end yet, the
 * lines of the event before it, and the latest id, which stays until the next one. Whole events and
 * comments are free. A part of a text keeps the whole text in memory, so a line counts as the piece
 * in which it ends and its open part before that. Returns the number after each piece.
 */
export function createEventBytes(): (piece: Uint8Array) => number {
  let line = 0
  let event = 0
  let latestId = 0
  let last = 0
  let isComment = false
  let isId = true

  function extendLine(bytes: Uint8Array) {
    if (line === 0 && bytes.length > 0) isComment = bytes[0] === colon
    const missing = Math.max(0, id.length - line)
    for (const [at, byte] of bytes.subarray(0, missing).entries()) {
      if (byte !== id[line + at]) isId = false
    }
    line += bytes.length
  }

  /** `whole`: bytes of the text that the line is a part of. */
  function endLine(whole: number) {
    if (line === 0) event = 0
    else if (!isComment) {
      event = Math.max(event, whole) + line
      if (isId && line >= id.length) latestId = whole
    }
    line = 0
    isComment = false
    isId = true
  }

  return (piece) => {
    const whole = line + piece.length
    const find = (byte: number, from: number) => {
      const found = piece.indexOf(byte, from)
      return found < 0 ? piece.length : found
    }
    let ends = { newline: find(newline, 0), carriageReturn: find(carriageReturn, 0) }
    for (let from = 0; from < piece.length; ) {
      const end = Math.min(ends.newline, ends.carriageReturn)
      extendLine(piece.subarray(from, end))
      if (end === piece.length) break
      const before = end > 0 ? piece[end - 1] : last
      const isSecond = piece[end] === newline && before === carriageReturn
      if (!isSecond) endLine(whole)
      from = end + 1
      if (piece[end] === newline) ends = { ...ends, newline: find(newline, from) }
      else ends = { ...ends, carriageReturn: find(carriageReturn, from) }
    }
    last = piece.at(-1) ?? last
    return event + line + latestId
  }
}
