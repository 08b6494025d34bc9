import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  addHint,
  type Hint,
  type PendingHints,
  packed,
  type StoredHint,
  type TextHint,
  unpacked,
} from './hints.ts'
import { extend, newLiveMessage, type Piece, piecesLength } from './live-message.ts'

const sender = 'node_0123456789abcdef'
const session = `session_${'1'.repeat(32)}`
const about = { turnId: `turn_${'2'.repeat(32)}`, context: '{"trace_id":"\\"quoted\\""}' }

const kind = fc.constantFrom<Piece['kind']>('output.message.delta', 'reason.thinking.delta')
const text = fc
  .tuple(
    fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }),
    fc.integer({ min: 1, max: 900 }),
  )
  .map(([unit, times]) => unit.repeat(times).toWellFormed())
const call = fc.record({
  id: fc.constantFrom('call_1', 'call_2', '\u0001'.repeat(200)),
  name: fc.constantFrom('add', '"'.repeat(200)),
})
const input = fc.record({ kind: fc.constant('tool.input.delta' as const), text, call })
const pieces = fc.array(fc.oneof(fc.record({ kind, text }), input), { minLength: 1, maxLength: 6 })

const hintsIn = (payloads: string[]) => payloads.flatMap((payload) => unpacked(payload).hints())

test('packs any text into payloads within the NOTIFY limit and restores it unchanged', () => {
  fc.assert(
    fc.property(pieces, (all) => {
      const hint: TextHint = { kind: 'text', session, sequence: 7, offset: 0, pieces: all, about }
      const payloads = packed(sender, [hint])
      const message = newLiveMessage({ sequence: 7, ...about })
      for (const payload of payloads) {
        assert.ok(Buffer.byteLength(payload) <= 7_000)
        assert.ok(!payload.includes('\0'))
        assert.equal(unpacked(payload).sender, sender)
      }
      const parts = hintsIn(payloads) as TextHint[]
      assert.deepEqual(parts[0]!.about, about)
      for (const part of parts) {
        assert.equal(part.offset, message.length)
        for (const piece of part.pieces) assert.ok(piece.text.isWellFormed())
        assert.ok(extend(message, part.offset, part.pieces))
      }
      const of = (wanted: Piece['kind']) =>
        all.map((piece) => (piece.kind === wanted ? piece.text : '')).join('')
      assert.equal(message.texts['output.message.delta'], of('output.message.delta'))
      assert.equal(message.texts['reason.thinking.delta'], of('reason.thinking.delta'))
      assert.equal(message.length, piecesLength(all))
      const inputsOf = (of: readonly Piece[]) =>
        of.flatMap(({ call, text }) => (call ? [...text].map((unit) => call.id + unit) : []))
      assert.deepEqual(inputsOf(message.pieces), inputsOf(all))
    }),
    { numRuns: 60 },
  )
})

test('keeps the last of several hints about a session, and merges consecutive text', () => {
  const waiting: PendingHints = new Map()
  const add = (hint: Hint) => addHint(waiting, hint)
  const told = (offset: number, said: string): TextHint => ({
    kind: 'text',
    session,
    sequence: 7,
    offset,
    pieces: [{ kind: 'output.message.delta', text: said }],
  })
  for (let sequence = 1; sequence < 500; sequence += 1) add({ kind: 'stored', session, sequence })
  add(told(0, 'one '))
  add(told(4, 'two '))
  add({ kind: 'cancel', session, turn: 'a' })
  add({ kind: 'cancel', session, turn: 'b' })
  const payloads = packed(sender, waiting.values())
  assert.equal(payloads.length, 1)
  assert.deepEqual(hintsIn(payloads), [
    { kind: 'stored', session, sequence: 499 },
    told(0, 'one two '),
    { kind: 'cancel', session, turn: 'a' },
    { kind: 'cancel', session, turn: 'b' },
  ])
})

const event = (sequence: number, text: string) =>
  ({
    sequence,
    type: 'input.message',
    id: `event_${sequence}`,
    json: JSON.stringify({ text }),
  }) as const

const stored = (first: number, texts: string[], history = 'history_1'): StoredHint => {
  const events = texts.map((text, index) => event(first + index, text))
  return { kind: 'stored', session, sequence: first + texts.length - 1, news: { events, history } }
}

test('packs events into payloads within the NOTIFY limit, up to one that does not fit', () => {
  const texts = fc.array(text, { minLength: 1, maxLength: 12 })
  fc.assert(
    fc.property(texts, (all) => {
      const hint = stored(3, all)
      const payloads = packed(sender, [hint])
      for (const payload of payloads) assert.ok(Buffer.byteLength(payload) <= 7_000)
      const parts = hintsIn(payloads) as StoredHint[]
      const events = parts.flatMap(({ news }) => news!.events)
      assert.deepEqual(events, hint.news!.events.slice(0, events.length))
      for (const { sequence, news } of parts.slice(0, -1))
        assert.equal(sequence, news!.events.at(-1)!.sequence)
      assert.equal(parts.at(-1)!.sequence, hint.sequence)
      const missing = hint.news!.events[events.length]
      if (missing) assert.ok(Buffer.byteLength(JSON.stringify(missing)) > 6_500)
    }),
    { numRuns: 60 },
  )
})

test('joins the events of consecutive hints of one history, until they are too long', () => {
  const joined = (...hints: StoredHint[]) => {
    const waiting: PendingHints = new Map()
    for (const hint of hints) addHint(waiting, hint)
    return [...waiting.values()]
  }
  assert.deepEqual(joined(stored(3, ['a']), stored(4, ['b', 'c'])), [stored(3, ['a', 'b', 'c'])])
  assert.deepEqual(joined(stored(4, ['b']), stored(3, ['a'])), [stored(3, ['a', 'b'])])
  assert.deepEqual(joined(stored(9, ['d']), stored(3, ['a'])), [stored(9, ['d'])])
  const apart = [
    stored(9, ['d']),
    stored(4, ['d'], 'history_2'),
    { kind: 'stored', session, sequence: 4 } as const,
  ]
  for (const later of apart) assert.deepEqual(joined(stored(3, ['a']), later), [later])
  const long = 'a'.repeat(9_000)
  assert.deepEqual(joined(stored(3, [long]), stored(4, [long])), [
    { ...stored(4, []), sequence: 4 },
  ])
})
