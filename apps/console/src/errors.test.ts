import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OutlastError } from '@outlast/sdk'
import { sendFailureOf, sentenceOf, statusOf } from './errors.ts'

test('an error is shown as its message', () => {
  assert.equal(sentenceOf(new Error('No.')), 'No.')
  assert.equal(sentenceOf('No.'), 'No.')
})

test('an unconfirmed request may have reached the server', () => {
  const lost = new OutlastError('connection_failed', 'The connection broke.', { status: 0 })
  const refused = new OutlastError('not_found', 'Not found.', { status: 404 })
  assert.match(sendFailureOf(lost), /^The server did not confirm this\. Try again\. /)
  assert.equal(sendFailureOf(refused), 'Not sent. Not found.')
  assert.deepEqual([lost, refused, new Error('No.'), null].map(statusOf), [
    0,
    404,
    undefined,
    undefined,
  ])
})
