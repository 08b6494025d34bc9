/** One frame of a stream of server-sent events. */
export type Frame = { event: string; id: string; data: string }

/**
 * Reads frames from bytes as they come.
 * Contract: a byte is looked at once, however the bytes are cut; lines end in LF, CRLF or CR LF over two chunks.
 * Comments and frames without data are no frames.
 */
export function createFrameParser() {
  const decoder = new TextDecoder()
  let rest: string[] = []
  let frame = { event: '', id: '', data: '' }
  let hasData = false

  function take(line: string): Frame | undefined {
    if (line === '') {
      const whole = hasData ? frame : undefined
      frame = { event: '', id: '', data: '' }
      hasData = false
      return whole
    }
    const colon = line.indexOf(':')
    if (colon === 0) return undefined
    const name = colon < 0 ? line : line.slice(0, colon)
    const start = line.charCodeAt(colon + 1) === 32 ? colon + 2 : colon + 1
    const value = colon < 0 ? '' : line.slice(start)
    if (name === 'data') {
      frame.data = hasData ? `${frame.data}\n${value}` : value
      hasData = true
    } else if (name === 'event' || name === 'id') frame[name] = value
    return undefined
  }

  /** The frames that these bytes complete. */
  return function push(bytes: Uint8Array): Frame[] {
    const text = decoder.decode(bytes, { stream: true })
    const frames: Frame[] = []
    let from = 0
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
      const tail = text.slice(from, end)
      const line = rest.length > 0 ? rest.join('') + tail : tail
      rest = []
      from = end + 1
      const whole = take(line.endsWith('\r') ? line.slice(0, -1) : line)
      if (whole) frames.push(whole)
    }
    if (from < text.length) rest.push(text.slice(from))
    return frames
  }
}
