/** One frame of a stream of server-sent events. */
export type Frame = { event: string; id: string; data: string }

const newFrame = (): Frame => ({ event: '', id: '', data: '' })

/**
 * Creates a parser of frames for bytes that arrive in chunks.
 * Contract: reads each byte once, wherever chunks are cut. Lines end in LF, CR LF or CR. Comments,
 * frames without data and an incomplete frame at the end are skipped.
 */
export function createFrameParser() {
  const decode = createLineDecoder()
  /** The parts of a line that has not ended. */
  let rest: string[] = []
  let frame = newFrame()
  let hasData = false

  /** Reads the line of `text` from `from` to `end`. It avoids a slice of the name. */
  function take(text: string, from: number, end: number): void {
    if (text.startsWith('data:', from)) {
      const value = text.slice(valueAt(text, from + 5), end)
      frame.data = hasData ? `${frame.data}\n${value}` : value
      hasData = true
    } else if (text.startsWith('id:', from)) frame.id = text.slice(valueAt(text, from + 3), end)
    else if (text.startsWith('event:', from)) {
      frame.event = text.slice(valueAt(text, from + 6), end)
    } else if (end - from === 4 && text.startsWith('data', from)) {
      frame.data += hasData ? '\n' : ''
      hasData = true
    }
  }

  /** Returns the frames that these bytes complete. */
  return function push(bytes: Uint8Array): Frame[] {
    const text = decode(bytes)
    const frames: Frame[] = []
    let from = 0
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
      if (rest.length > 0) {
        const line = rest.join('') + text.slice(0, end)
        rest = []
        take(line, 0, line.length)
      } else if (end > from) take(text, from, end)
      else {
        if (hasData) frames.push(frame)
        frame = newFrame()
        hasData = false
      }
      from = end + 1
    }
    if (from < text.length) rest.push(text.slice(from))
    return frames
  }
}

const valueAt = (text: string, at: number) => (text.charCodeAt(at) === space ? at + 1 : at)

const space = 32

/** Decodes text and normalizes line ends to LF, wherever characters and line ends are cut. */
function createLineDecoder() {
  const decoder = new TextDecoder()
  let endedInCr = false
  return (bytes: Uint8Array): string => {
    const decoded = decoder.decode(bytes, { stream: true })
    if (decoded === '') return ''
    const text = endedInCr && decoded[0] === '\n' ? decoded.slice(1) : decoded
    endedInCr = decoded.endsWith('\r')
    return text.includes('\r') ? text.replace(/\r\n?/g, '\n') : text
  }
}
