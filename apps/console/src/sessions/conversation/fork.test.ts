import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Event } from '@outlast/sdk'
import { sequenceAfter, sequenceBefore } from './fork.ts'

const event = (sequence: number, type: string, id?: string) =>
  ({ sequence, type, data: id ? { message: { id } } : {} }) as unknown as Event

const events = [
  event(1, 'input.message', 'asked'),
  event(2, 'turn.started'),
  event(3, 'output.message.completed', 'replied'),
  event(4, 'llm.generation'),
  event(5, 'reason.completed'),
  event(6, 'turn.completed'),
  event(7, 'session.idled'),
  event(8, 'input.message', 'asked again'),
]

test('a fork from a reply includes the end of its turn', () => {
  assert.equal(sequenceAfter(events, 'replied'), 7)
  assert.equal(sequenceAfter(events.slice(0, 4), 'replied'), 4)
  assert.equal(sequenceAfter(events, 'asked again'), 8)
})

test('a fork before a message ends with the event before it', () => {
  assert.equal(sequenceBefore(events, 'asked again'), 7)
  assert.equal(sequenceBefore(events, 'asked'), 0)
})

test('refuses to fork from a message that no event contains', () => {
  assert.throws(() => sequenceAfter(events, 'streams still'), /not stored yet/)
})
