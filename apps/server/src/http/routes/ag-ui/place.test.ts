import assert from 'node:assert/strict'
import test from 'node:test'
import { noParts } from '@outlast/contract/folds/ag-ui'
import { parsePlace, placeId } from './place.ts'

test('the id of an event with many open calls is read again', () => {
  const calls = new Map(
    Array.from({ length: 256 }, (_, n) => [`call_${n}`, { name: 'add, or not', sent: n + 1 }]),
  )
  const place = { eventId: undefined, slot: 3, parts: { ...noParts, text: 'open' as const, calls } }
  assert.deepEqual(parsePlace(placeId(place)), place)
})
