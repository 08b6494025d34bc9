import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { eventId, eventPosition, newId, parseId } from './ids.ts'

test('ids have the form of UUIDv7 and never repeat', () => {
  const ids = Array.from({ length: 5000 }, () => newId('session'))
  assert.equal(new Set(ids).size, ids.length)
  for (const id of ids) assert.match(id, /^session_[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}$/)
})

test('accepts only the exact form of an id', () => {
  const id = newId('agent')
  assert.equal(parseId('agent', id), id)
  for (const wrong of [
    '',
    'agent_',
    id.toUpperCase(),
    `${id}0`,
    id.slice(0, -1),
    newId('session'),
    ` ${id}`,
  ]) {
    assert.throws(() => parseId('agent', wrong), /Invalid agent ID/)
  }
})

test('an event id contains its position and its session', () => {
  const session = newId('session')
  const sequence = fc.integer({ min: 1, max: 2 ** 31 - 1 })
  const offset = fc.integer({ min: 0, max: 2 ** 22 - 1 })
  fc.assert(
    fc.property(sequence, offset, fc.integer({ min: 0, max: 2 ** 45 }), (s, o, time) => {
      const id = eventId(session, time, { sequence: s, offset: o })
      assert.match(id, /^event_[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}$/)
      assert.deepEqual(eventPosition(session, id), { sequence: s, offset: o })
      assert.throws(() => eventPosition('session_other', id), /no event with this ID/)
    }),
  )
})
