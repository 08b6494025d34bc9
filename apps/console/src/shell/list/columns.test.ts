import assert from 'node:assert/strict'
import { test } from 'node:test'
import { columnsText, shownColumns } from './columns.ts'

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
