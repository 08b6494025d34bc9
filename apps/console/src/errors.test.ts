import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OutlastError } from '@outlast/sdk'
import { sendFailureOf, sentenceOf, statusOf } from './errors.ts'

test('a failure is its sentence', () => {
  assert.equal(sentenceOf(new Error('No.')), 'No.')
  assert.equal(sentenceOf('No.'), 'No.')
})

test('what was sent and not confirmed may have arrived', () => {
  const lost = new OutlastError('connection_failed', 'The connection broke.', { status: 0 })
  const refused = new OutlastError('not_found', 'Not found.', { status: 404 })
  assert.match(sendFailureOf(lost), /^The server did not confirm this, so try again\. /)
  assert.equal(sendFailureOf(refused), 'Not sent. Not found.')
  assert.deepEqual([lost, refused, new Error('No.'), null].map(statusOf), [
    0,
    404,
    undefined,
    undefined,
  ])
})
