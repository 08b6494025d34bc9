import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createFrameParser, type Frame } from './sse.ts'

const line = fc.string({ unit: 'grapheme' }).map((text) => text.replace(/[\r\n]/g, ' '))
const word = fc.stringMatching(/^[a-z._]{1,20}$/)

/** A frame, and forms of its lines. */
const written = fc.record({
  event: word,
  id: word,
  data: fc.array(line, { minLength: 1, maxLength: 4 }),
  comment: fc.option(line),
  retry: fc.boolean(),
  space: fc.constantFrom(' ', ''),
})

type Written = {
  event: string
  id: string
  data: string[]
  comment: string | null
  retry: boolean
  space: string
}

const linesOf = ({ event, id, data, comment, retry, space }: Written) => [
  ...(comment === null ? [] : [`:${comment}`]),
  `event:${space}${event}`,
  `id:${space}${id}`,
  ...(retry ? ['retry: 100'] : []),
  // The first space after the colon is not part of the value.
  ...data.map((text) => `data: ${text}`),
  '',
]

function parse(bytes: Uint8Array, cuts: readonly number[]): Frame[] {
  const push = createFrameParser()
  const at = [...cuts.map((cut) => cut % (bytes.length + 1)), 0, bytes.length].sort((a, b) => a - b)
  return at.slice(1).flatMap((end, n) => push(bytes.subarray(at[n], end)))
}

test('parses the same frames for any chunks and line ends', () => {
  const ends = fc.constantFrom('\n', '\r\n', '\r')
  fc.assert(
    fc.property(
      fc.array(written, { maxLength: 6 }),
      ends,
      fc.array(fc.nat(), { maxLength: 40 }),
      (frames, end, cuts) => {
        const text = frames
          .flatMap(linesOf)
          .map((line) => line + end)
          .join('')
        const expected = frames.map(({ event, id, data }) => ({ event, id, data: data.join('\n') }))
        const bytes = new TextEncoder().encode(text)
        assert.deepEqual(parse(bytes, cuts), expected)
        assert.deepEqual(parse(bytes, [...bytes.keys()]), expected, 'byte by byte')
      },
    ),
    { numRuns: 300 },
  )
})

test('skips incomplete frames, comments and frames without data', () => {
  const push = createFrameParser()
  const bytes = (text: string) => new TextEncoder().encode(text)
  assert.deepEqual(
    push(bytes(': heartbeat\n\nevent: x\nid: 1\n\nunknown: y\ndata\n\ndata: {}\n')),
    [{ event: '', id: '', data: '' }],
  )
  assert.deepEqual(push(bytes('\n')), [{ event: '', id: '', data: '{}' }])
})
