const newline = 10
const carriageReturn = 13
const data = Buffer.from('data:')

/**
 * Counts the bytes that a reader of an event stream keeps: the data of the event that has no end
 * yet. Comments, other fields and whole events are passed on or dropped. Returns the number after
 * each piece.
 */
export function createEventBytes(): (piece: Uint8Array) => number {
  /** Bytes of the lines before in the event, and of the line. */
  let event = 0
  let line = 0
  let isData = true
  let last = 0

  function extendLine(bytes: Uint8Array) {
    const missing = Math.max(0, data.length - line)
    for (const [at, byte] of bytes.subarray(0, missing).entries()) {
      if (byte !== data[line + at]) isData = false
    }
    line += bytes.length
  }

  function endLine() {
    if (line === 0) event = 0
    else if (isData) event += line
    line = 0
    isData = true
  }

  return (piece) => {
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
      if (!isSecond) endLine()
      from = end + 1
      if (piece[end] === newline) ends = { ...ends, newline: find(newline, from) }
      else ends = { ...ends, carriageReturn: find(carriageReturn, from) }
    }
    last = piece.at(-1) ?? last
    return event + line
  }
}
