/** One frame of a stream of server-sent events. */
export type Frame = { event: string; id: string; data: string }

const newFrame = (): Frame => ({ event: '', id: '', data: '' })

/**
 * Reads frames from bytes as they come.
 * Contract: a byte is looked at once, however the bytes are cut; lines end in LF, CR LF or CR. Comments and frames
 * without data are no frames; what is left when the bytes end is none either.
 */
export function createFrameParser() {
  const decode = createLineDecoder()
  /** The parts of a line that has not ended. */
  let rest: string[] = []
  let frame = newFrame()
  let hasData = false

  function take(line: string): void {
    const colon = line.indexOf(':')
    const name = colon < 0 ? line : line.slice(0, colon)
    if (name !== 'data' && name !== 'event' && name !== 'id') return
    const start = line.charCodeAt(colon + 1) === space ? colon + 2 : colon + 1
    const value = colon < 0 ? '' : line.slice(start)
    if (name !== 'data') frame[name] = value
    else {
      frame.data = hasData ? `${frame.data}\n${value}` : value
      hasData = true
    }
  }

  /** The frames that these bytes complete. */
  return function push(bytes: Uint8Array): Frame[] {
    const text = decode(bytes)
    const frames: Frame[] = []
    let from = 0
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
      const tail = text.slice(from, end)
      from = end + 1
      const line = rest.length > 0 ? rest.join('') + tail : tail
      if (rest.length > 0) rest = []
      if (line !== '') take(line)
      else {
        if (hasData) frames.push(frame)
        frame = newFrame()
        hasData = false
      }
    }
    if (from < text.length) rest.push(text.slice(from))
    return frames
  }
}

const space = 32

/** Text with LF as the only end of a line, wherever characters and line ends are cut. */
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
