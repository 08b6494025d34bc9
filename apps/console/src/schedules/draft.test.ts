import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Schedule } from '@outlast/sdk'
import { isRich, scheduleBody, scheduleDraft } from './draft.ts'

const stored = (name: string, input: object, more: object = {}) =>
  ({
    ...{ id: 'schedule', name: 'Daily', cron_expression: '0 9 * * *', timezone: 'UTC' },
    target: { type: 'workflow', name, input },
    catch_up_missed: false,
    ...more,
  }) as unknown as Schedule

const starts = stored('start_session', { agent_id: 'agent_1', text: 'Hello', title: 'Kept' })

test('saving an unchanged schedule sends the same values', () => {
  const { target, max_concurrent } = scheduleBody(scheduleDraft(starts), starts)
  assert.deepEqual(target, starts.target)
  assert.equal(max_concurrent, undefined)
})

test('drops hidden target fields when the kind of target changes', () => {
  const draft = {
    ...scheduleDraft(starts),
    doing: 'send_message' as const,
    sessionId: ' session_1 ',
  }
  const input = { session_id: 'session_1', on_busy: 'queue', text: 'Hello' }
  assert.deepEqual(scheduleBody(draft, starts).target, {
    type: 'workflow',
    name: 'send_message',
    input,
  })
})

test('keeps a rich message until a text replaces it', () => {
  const message = { content: [{ type: 'text', text: 'Rich' }] }
  const rich = stored('send_message', { session_id: 'session_1', message })
  const draft = scheduleDraft(rich)
  const inputOf = (text: string) => scheduleBody({ ...draft, text }, rich).target.input as object
  assert.equal(isRich({ message }), true)
  assert.deepEqual(inputOf(''), { session_id: 'session_1', on_busy: 'queue', message })
  assert.deepEqual(inputOf('Plain'), { session_id: 'session_1', on_busy: 'queue', text: 'Plain' })
})

test('omits empty numbers', () => {
  const draft = {
    ...scheduleDraft(undefined),
    name: ' Daily ',
    catchUpMax: 3,
    concurrentMax: '' as const,
  }
  const { name, max_catch_up, max_concurrent } = scheduleBody(draft, undefined)
  assert.deepEqual([name, max_catch_up, max_concurrent], ['Daily', 3, undefined])
})
