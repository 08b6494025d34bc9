import assert from 'node:assert/strict'
import { test } from 'node:test'
import { queryOf } from './audit-query.ts'

const now = Date.parse('2026-03-10T12:00:00Z')

test('converts filters of the audit log to a query', () => {
  assert.deepEqual(queryOf({ action: 'delete_agent', target: 'agent_1', since: 'week' }, now), {
    ...{ action: 'delete_agent', target: 'agent_1', since: '2026-03-03T12:00:00.000Z' },
  })
  assert.deepEqual(queryOf({ since: 'ever' }, now), {})
  assert.deepEqual(queryOf({}, now), {})
})
