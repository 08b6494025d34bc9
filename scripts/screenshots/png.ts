/** Compresses screenshots by reducing them to a color palette. */
import { crc32, deflateSync, inflateSync } from 'node:zlib'

const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
const paletteMax = 128
/** Squared, as in `distance`. Small, because similar surfaces of a screen must stay distinct. */
const distanceMin = 40

type Pixels = { width: number; height: number; rgb: Uint8Array }

/** Reduces a PNG to 128 colors. Contract: takes Chromium's PNG, 8 bits, not interlaced. */
export function smaller(png: Buffer): Buffer {
  const pixels = decode(png)
  const palette = paletteOf(pixels.rgb)
  return encode(pixels, palette)
}

function decode(png: Buffer): Pixels {
  const data: Buffer[] = []
  let [width, height, channels] = [0, 0, 0]
  for (let at = signature.length; at < png.length; ) {
    const length = png.readUInt32BE(at)
    const type = png.toString('latin1', at + 4, at + 8)
    const body = png.subarray(at + 8, at + 8 + length)
    if (type === 'IHDR') {
      width = body.readUInt32BE(0)
      height = body.readUInt32BE(4)
      channels = body[9] === 6 ? 4 : 3
    }
    if (type === 'IDAT') data.push(body)
    at += length + 12
  }
  const raw = inflateSync(Buffer.concat(data))
  return { width, height, rgb: unfiltered(raw, { width, height, channels }) }
}

type Form = { width: number; height: number; channels: number }

/** Reverts PNG filters, which store each line as differences from neighboring pixels. */
function unfiltered(raw: Buffer, { width, height, channels }: Form): Uint8Array {
  const lineLength = width * channels
  const rgb = new Uint8Array(width * height * 3)
  let above = new Uint8Array(lineLength)
  for (let y = 0; y < height; y++) {
    const from = y * (lineLength + 1)
    const line = Uint8Array.from(raw.subarray(from + 1, from + 1 + lineLength))
    for (let x = 0; x < lineLength; x++) {
      const left = x < channels ? 0 : line[x - channels]!
      const corner = x < channels ? 0 : above[x - channels]!
      line[x]! += predicted(raw[from]!, left, above[x]!, corner)
    }
    for (let x = 0; x < width; x++) {
      rgb.set(line.subarray(x * channels, x * channels + 3), (y * width + x) * 3)
    }
    above = line
  }
  return rgb
}

function predicted(filter: number, left: number, above: number, corner: number): number {
  if (filter === 1) return left
  if (filter === 2) return above
  if (filter === 3) return (left + above) >> 1
  if (filter !== 4) return 0
  const guess = left + above - corner
  const [a, b, c] = [left, above, corner].map((one) => Math.abs(guess - one)) as [
    number,
    number,
    number,
  ]
  return a <= b && a <= c ? left : b <= c ? above : corner
}

const colorAt = (rgb: Uint8Array, at: number) =>
  (rgb[at]! << 16) | (rgb[at + 1]! << 8) | rgb[at + 2]!

/**
 * Returns a palette and the palette index of each color. The palette has the most frequent colors
 * that differ visibly, so that small dots keep their color. Other colors use the nearest entry.
 */
function paletteOf(rgb: Uint8Array) {
  const counts = new Map<number, number>()
  for (let at = 0; at < rgb.length; at += 3) {
    const color = colorAt(rgb, at)
    counts.set(color, (counts.get(color) ?? 0) + 1)
  }
  const colors = [...counts.keys()].sort((one, other) => counts.get(other)! - counts.get(one)!)
  const palette: number[] = []
  for (const color of colors) {
    if (palette.length === paletteMax) break
    const known = palette[nearest(palette, color)]
    if (known === undefined || distance(known, color) > distanceMin) palette.push(color)
  }
  return { palette, places: new Map(colors.map((color) => [color, nearest(palette, color)])) }
}

function nearest(palette: readonly number[], color: number): number {
  let [best, least] = [0, Number.POSITIVE_INFINITY]
  for (const [place, one] of palette.entries()) {
    const far = distance(one, color)
    if (far < least) [best, least] = [place, far]
  }
  return best
}

/** Returns the squared distance of two colors. */
function distance(one: number, other: number): number {
  const [red, green, blue] = [16, 8, 0].map(
    (bits) => ((one >> bits) & 255) - ((other >> bits) & 255),
  )
  return red! ** 2 + green! ** 2 + blue! ** 2
}

function encode({ width, height, rgb }: Pixels, { palette, places }: ReturnType<typeof paletteOf>) {
  const raw = Buffer.alloc((width + 1) * height)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      raw[y * (width + 1) + 1 + x] = places.get(colorAt(rgb, (y * width + x) * 3))!
    }
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  // 8 bits per pixel, palette colors.
  header.set([8, 3, 0, 0, 0], 8)
  const colors = Buffer.from(palette.flatMap((one) => [one >> 16, (one >> 8) & 255, one & 255]))
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('PLTE', colors),
    chunk('IDAT', deflateSync(raw, { level: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function chunk(type: string, body: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), body])
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(body.length)
  check.writeUInt32BE(crc32(named))
  return Buffer.concat([length, named, check])
}
