import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createCopies } from './copies.ts'
import type { TextHint } from './hints.ts'

const session = 'session_1'
const about = { turnId: 'turn_1', context: '{}' }
const whole = Array.from({ length: 40 }, (_, n) => `word${n} `).join('')

function part(offset: number, text: string, sequence = 7): TextHint {
  const pieces = [{ kind: 'output.message.delta' as const, text }]
  return { kind: 'text', session, sequence, offset, pieces, ...(offset === 0 && { about }) }
}

const snapshot = (text: string, sequence = 7) => ({
  sequence,
  ...about,
  pieces: part(0, text).pieces,
})

/** Some parts of the text in any order, some of them twice, some of them missing. */
const parts = fc
  .array(fc.record({ at: fc.nat(whole.length - 1), length: fc.integer({ min: 1, max: 30 }) }), {
    maxLength: 30,
  })
  .map((cuts) => cuts.map(({ at, length }) => part(at, whole.slice(at, at + length))))

const textOf = (copies: ReturnType<typeof createCopies>) =>
  copies.find(session)?.texts['output.message.delta'] ?? ''

test('a copy never lacks its middle, for any order of its parts, and a snapshot completes it', () => {
  fc.assert(
    fc.property(parts, fc.nat(whole.length), parts, (before, upTo, after) => {
      const copies = createCopies()
      for (const hint of before) {
        copies.take(hint)
        assert.ok(whole.startsWith(textOf(copies)))
      }
      copies.fill(session, snapshot(whole.slice(0, upTo)))
      for (const hint of after) copies.take(hint)
      assert.ok(whole.startsWith(textOf(copies)))
      copies.take(part(textOf(copies).length, whole.slice(textOf(copies).length)))
      if (before.length > 0) {
        copies.fill(session, snapshot(whole))
        assert.equal(textOf(copies), whole)
      }
    }),
  )
})

test('requests a snapshot once for a part without its predecessors, and again only after a pause', () => {
  let now = 0
  const copies = createCopies(() => now)
  assert.deepEqual(copies.take(part(10, 'later')), { ask: 7 })
  assert.deepEqual(copies.take(part(15, 'and')), {})
  now += 5_000
  assert.deepEqual(copies.take(part(18, 'more')), { ask: 7 })
  assert.deepEqual(copies.awaited(), [{ session, sequence: 7 }])
  const { grew } = copies.fill(session, snapshot('0123456789'))
  assert.equal(grew?.texts['output.message.delta'], '0123456789laterandmore')
  assert.deepEqual(copies.awaited(), [])
})

test('ignores text of a message that has ended or that another attempt has replaced', () => {
  const copies = createCopies()
  copies.take(part(0, 'old'))
  copies.take(part(0, 'new', 9))
  assert.deepEqual(copies.take(part(3, ' stale')), {})
  assert.deepEqual(copies.fill(session, snapshot('old stale')), {})
  assert.equal(textOf(copies), 'new')
  copies.passed(session, 12)
  assert.equal(copies.find(session), undefined)
  assert.deepEqual(copies.take(part(3, ' stale', 9)), {})
  assert.equal(copies.needs(session, 9), false)
  assert.equal(copies.needs(session, 13), true)
})
