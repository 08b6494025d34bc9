import assert from 'node:assert/strict'
import type { Event, EventType } from '@outlast/contract'
import { typesOf } from '../../apps/server/test/session.ts'

const ends: readonly EventType[] = ['turn.completed', 'turn.failed', 'turn.cancelled']

/**
 * Invariants of the log of every idle session: no gap, every message answered, every turn ended
 * once, no model call or tool repeated after its outcome.
 */
export function auditLog(events: Event[]): void {
  assert.deepEqual(
    events.map(({ sequence }) => sequence),
    events.map((_, n) => n + 1),
  )
  for (const { context } of events.filter(({ type }) => type === 'turn.started')) {
    const own = events.filter((event) => event.context.turn_id === context.turn_id)
    const ended = own.filter(({ type }) => ends.includes(type))
    assert.equal(ended.length, 1, `turn ${context.turn_id}: ${typesOf(own)}`)
  }
  auditCalls(events)
  auditTools(events)
  auditAnswers(events)
  assert.equal(events.at(-1)!.type, 'session.idled')
}

/** No model is called again for a recorded reply. */
function auditCalls(events: Event[]) {
  const recorded = new Set<string>()
  for (const event of events) {
    if (event.type === 'output.message.started') {
      assert.equal(
        recorded.has(event.data.message_id!),
        false,
        'a recorded reply was requested again',
      )
    }
    if (event.type === 'output.message.completed') {
      assert.equal(recorded.has(event.data.message.id), false, 'a reply was recorded twice')
      recorded.add(event.data.message.id)
    }
  }
}

/** Every call of a step has one outcome and at most one start. */
function auditTools(events: Event[]) {
  const called = events.filter((event) => event.type === 'act.started')
  const completed = events.filter((event) => event.type === 'tool.completed')
  assert.deepEqual(
    completed.map(({ data }) => data.tool_call_id).sort(),
    called.flatMap(({ data }) => data.tool_calls.map(({ id }) => id)).sort(),
  )
  const begun = events.flatMap((event) => {
    if (event.type === 'tool.started') return [event.data.tool_call.id]
    return event.type === 'tool.call_requested' ? event.data.tool_calls.map(({ id }) => id) : []
  })
  assert.equal(new Set(begun).size, begun.length, 'a call began twice')
}

/** After every message a model was called, and the turn was answered or cancelled. */
function auditAnswers(events: Event[]) {
  for (const input of events.filter(({ type }) => type === 'input.message')) {
    const later = events.filter(({ sequence }) => sequence! > input.sequence!)
    const answer = later.some(
      ({ type, context }) =>
        type === 'output.message.started' &&
        later.some((end) => ends.includes(end.type) && end.context.turn_id === context.turn_id),
    )
    const cancelled = later.some(({ type }) => type === 'turn.cancelled' || type === 'turn.failed')
    assert.ok(answer || cancelled, `message ${input.sequence} was not answered: ${typesOf(events)}`)
  }
}
