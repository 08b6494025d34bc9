import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Event } from '../index.ts'
import { answerOf, type Following, follow } from './follow.ts'

/** Events as stored for a turn that was cancelled with its message, before it began. */
const events = [
  { type: 'input.message', context: {}, data: { message: { id: 'waits' }, on_busy: 'queue' } },
  {
    type: 'turn.completed',
    context: { turn_id: 'before', input_message_id: 'first' },
    data: { turn_id: 'before' },
  },
  {
    type: 'turn.cancelled',
    context: { turn_id: 'own', input_message_id: 'waits' },
    data: { turn_id: 'own', reason: 'A message interrupted the turn' },
  },
  { type: 'input.message', context: {}, data: { message: { id: 'later' } } },
  {
    type: 'session.activated',
    context: { turn_id: 'next', input_message_id: 'later' },
    data: { turn_id: 'next', input_message_id: 'later' },
  },
] as unknown as Event[]

test('ends a queued message whose turn was cancelled before it began', () => {
  const sent: Following = { of: { messageId: 'waits' }, sequence: 0 }
  const state = events.reduce(follow, sent)
  assert.equal(state.isOver, true)
  const { outcome, turnId, text, message } = answerOf(state)
  assert.deepEqual(
    { outcome, turnId, text, message },
    { outcome: 'cancelled', turnId: 'own', text: '', message: undefined },
  )
})

test('ignores the cancellation of another turn for a queued message', () => {
  const [queued, before] = events as [Event, Event]
  const cancelled = { ...before, type: 'turn.cancelled' } as Event
  const sent: Following = { of: { messageId: 'waits' }, sequence: 0 }
  const state = [queued, cancelled].reduce(follow, sent)
  assert.deepEqual([state.turnId, state.ended, state.isOver], [undefined, undefined, undefined])
})
