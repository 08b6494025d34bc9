import assert from 'node:assert/strict'
import { test } from 'node:test'
import { filterOf, searchTextOf } from './list-state.ts'

test('the last word of a search may be the beginning of one', () => {
  assert.equal(searchTextOf('order refun'), 'order refun*')
  assert.equal(searchTextOf('"order 4711"'), '"order 4711"')
  assert.equal(searchTextOf('refun*'), 'refun*')
})

test('a search is at most as long as the API permits', () => {
  assert.equal(searchTextOf('a'.repeat(199)).length, 200)
  assert.equal(searchTextOf('a'.repeat(200)), 'a'.repeat(200))
})

test('a search ignores the order, which it does not have', () => {
  assert.deepEqual(filterOf({ search: 'a', sort: 'cost', order: 'asc' }), { q: 'a*' })
  assert.deepEqual(filterOf({ sort: 'cost', order: 'asc' }), { sort: 'cost', order: 'asc' })
})

test('days are in UTC, and the last one of a filter is included', () => {
  const { since, until } = filterOf({ since: '2026-11-25', until: '2026-11-25' })
  assert.equal(since, '2026-11-25T00:00:00.000Z')
  assert.equal(until, '2026-11-26T00:00:00.000Z')
})
