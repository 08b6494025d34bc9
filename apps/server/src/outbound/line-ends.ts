const newline = 10
const carriageReturn = 13

/**
 * Ends each line of an event stream with LF. The reader's time for lines that end with CR grows
 * with the square of their number.
 */
export function createLineEnds(): (piece: Uint8Array) => Uint8Array {
  let isAfterReturn = false
  return (piece) => {
    if (!isAfterReturn && !piece.includes(carriageReturn)) return piece
    const lines = new Uint8Array(piece.length)
    let length = 0
    for (const byte of piece) {
      const isSecond = isAfterReturn && byte === newline
      isAfterReturn = byte === carriageReturn
      if (isSecond) continue
      lines[length] = isAfterReturn ? newline : byte
      length += 1
    }
    return lines.subarray(0, length)
  }
}
