import assert from 'node:assert/strict'
import { test } from 'node:test'
import { problemAt, summaryOf } from './problems.ts'

const problem = (message: string, fields: object) => Object.assign(new Error(message), fields)

const invalid = problem('Invalid.', {
  code: 'validation_failed',
  details: [
    { path: 'name', message: 'must not be empty' },
    { path: 'headers/a b', message: 'is not a name of a header' },
  ],
})
const taken = problem('There is one already.', { code: 'mcp_server_exists' })
const marked = 'Not saved. Fix the marked fields above.'

test('returns the problem of a field by path or by error code', () => {
  assert.equal(problemAt(invalid, 'name', 'mcp_server_exists'), 'must not be empty')
  assert.equal(problemAt(taken, 'name', 'mcp_server_exists'), 'There is one already.')
  assert.equal(problemAt(invalid, 'url'), undefined)
  assert.equal(problemAt(null, 'name'), undefined)
})

test('the summary lists only problems that no field shows', () => {
  assert.deepEqual(summaryOf(invalid, ['name', 'headers/a b']), { title: marked, others: [] })
  assert.deepEqual(summaryOf(taken, ['mcp_server_exists']), { title: marked, others: [] })
  assert.deepEqual(summaryOf(taken, []), { title: 'There is one already.', others: [] })
  const [, header] = (invalid as unknown as { details: unknown[] }).details
  assert.deepEqual(summaryOf(invalid, ['name']), { title: 'Invalid.', others: [header] })
  assert.deepEqual(summaryOf('no', []), { title: 'no', others: [] })
})
