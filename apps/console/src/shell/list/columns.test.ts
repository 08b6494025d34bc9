import assert from 'node:assert/strict'
import { test } from 'node:test'
import { columnsText, shownColumns, toggledColumn } from './columns.ts'

const [agent, user, created] = [{ id: 'agent' }, { id: 'user', isExtra: true }, { id: 'created' }]
const columns = [agent, user, created]

test('columns keep their order, and the URL has only what is not usual', () => {
  assert.deepEqual(shownColumns(columns, undefined), [agent, created])
  assert.deepEqual(shownColumns(columns, 'user,-agent,__proto__'), [user, created])
  assert.deepEqual(shownColumns(columns, 'agent,-user'), [agent, created])
  for (const shown of [[], [user], [agent, user], columns]) {
    assert.deepEqual(shownColumns(columns, columnsText(columns, shown)), shown)
  }
  assert.equal(columnsText(columns, [created, agent]), undefined)
  assert.equal(columnsText(columns, [user, agent]), 'user,-created')
})

test('a column is shown or hidden beside the changes that the URL has', () => {
  assert.equal(toggledColumn(columns, user), 'user')
  assert.equal(toggledColumn(columns, created, 'user'), 'user,-created')
  assert.equal(toggledColumn(columns, user, 'user,-created'), '-created')
  assert.equal(toggledColumn(columns, created, '-created'), undefined)
})
