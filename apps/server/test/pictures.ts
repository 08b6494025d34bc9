/** Small images of every type, and the forms that upload them. */
import { crc32, deflateSync } from 'node:zlib'

/** A chunk of a PNG. */
export function pngChunk(type: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const length = Buffer.alloc(4)
  length.writeUInt32BE(data.length)
  const sum = Buffer.alloc(4)
  sum.writeUInt32BE(crc32(named))
  return Buffer.concat([length, named, sum])
}

/** A PNG of gray pixels. `pixels: false`: only its header announces the size. */
export function pngOf(
  width: number,
  height: number,
  { pixels = true, extra = [] as Buffer[] } = {},
) {
  const head = Buffer.alloc(13)
  head.writeUInt32BE(width, 0)
  head.writeUInt32BE(height, 4)
  head[8] = 8
  const raw = pixels ? Buffer.alloc(height * (width + 1), 0) : Buffer.alloc(1)
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    pngChunk('IHDR', head),
    ...extra,
    pngChunk('IDAT', deflateSync(raw)),
    pngChunk('IEND', Buffer.alloc(0)),
  ])
}

/** A PNG of exactly `bytes` bytes, for limits. */
export function pngOfBytes(bytes: number): Buffer {
  const empty = pngOf(1, 1, { extra: [pngChunk('tEXt', Buffer.alloc(0))] }).length
  return pngOf(1, 1, { extra: [pngChunk('tEXt', Buffer.alloc(bytes - empty, 7))] })
}

export function gifOf(width: number, height: number, frames = [{ width: 1, height: 1 }]): Buffer {
  const screen = Buffer.alloc(7)
  screen.writeUInt16LE(width, 0)
  screen.writeUInt16LE(height, 2)
  const images = frames.map((frame) => {
    const about = Buffer.alloc(10)
    about[0] = 0x2c
    about.writeUInt16LE(frame.width, 5)
    about.writeUInt16LE(frame.height, 7)
    return Buffer.concat([about, Buffer.from([2, 2, 0x44, 1, 0])])
  })
  return Buffer.concat([Buffer.from('GIF89a'), screen, ...images, Buffer.from([0x3b])])
}

/** A JPEG with an EXIF segment, a size, and data of a scan. */
export function jpegOf(width: number, height: number): Buffer {
  const size = Buffer.from([0xff, 0xc0, 0, 11, 8, 0, 0, 0, 0, 1, 1, 0x11, 0])
  size.writeUInt16BE(height, 5)
  size.writeUInt16BE(width, 7)
  return Buffer.concat([
    Buffer.from([0xff, 0xd8, 0xff, 0xe1, 0, 8, 0x45, 0x78, 0x69, 0x66, 0, 0]),
    size,
    Buffer.from([0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0, 1, 2, 3, 0xff, 0xd9]),
  ])
}

function riff(...chunks: [type: string, data: Buffer][]): Buffer {
  const all = chunks.map(([type, data]) => {
    const length = Buffer.alloc(4)
    length.writeUInt32LE(data.length)
    return Buffer.concat([Buffer.from(type), length, data, Buffer.alloc(data.length % 2)])
  })
  const body = Buffer.concat([Buffer.from('WEBP'), ...all])
  const length = Buffer.alloc(4)
  length.writeUInt32LE(body.length)
  return Buffer.concat([Buffer.from('RIFF'), length, body])
}

/** A lossless WebP; `canvas`: its extended header announces another size. */
export function webpOf(width: number, height: number, canvas?: { width: number; height: number }) {
  const data = Buffer.alloc(10)
  data[0] = 0x2f
  data.writeUInt32LE(((width - 1) | ((height - 1) << 14)) >>> 0, 1)
  if (!canvas) return riff(['VP8L', data])
  const extended = Buffer.alloc(10)
  extended.writeUIntLE(canvas.width - 1, 4, 3)
  extended.writeUIntLE(canvas.height - 1, 7, 3)
  return riff(['VP8X', extended], ['VP8L', data])
}

export function formOf(bytes: Buffer, name = 'picture.png', field = 'file'): FormData {
  const form = new FormData()
  form.append(field, new Blob([new Uint8Array(bytes)], { type: 'image/png' }), name)
  return form
}
