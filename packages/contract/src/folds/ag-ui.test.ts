import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { eventsOf, start, worlds } from '../../../../apps/server/test/log-world.ts'
import type { Event } from '../events/event.ts'
import { type AgUiEvent, type AgUiRun, beforeRun, foldAgUi, startRun } from './ag-ui.ts'

const runOf = (messageId: string): AgUiRun => ({
  threadId: 'thread',
  runId: 'run',
  isCurrent: true,
  kind: 'message',
  messageId,
  answered: [],
  results: [],
  history: [],
})

/**
 * The events of a log as a client that follows it gets them. A stream sends the whole text of a
 * reply before the reply, in pieces of the given lengths; none for 0.
 */
function liveOf(events: Event[], lengths: readonly number[]): Event[] {
  let reply = 0
  return events.flatMap((event, index) => {
    if (event.type !== 'output.message.started') return [event]
    const end = events.slice(index + 1).find(({ type }) => type === 'output.message.completed')
    const length = lengths[reply++ % lengths.length] ?? 0
    if (end?.type !== 'output.message.completed' || length === 0) return [event]
    const { context } = event
    const about = { id: '', ts: '', session_id: '', context }
    const live = (type: string, data: object) => ({ ...about, type, data }) as unknown as Event
    const deltas = end.data.message.content.flatMap((part) => {
      if (part.type === 'tool_call') {
        return [live('tool.input.delta', { tool_call_id: part.id, name: part.name, delta: '{' })]
      }
      const letters = part.type === 'text' ? [...part.text] : []
      return Array.from({ length: Math.ceil(letters.length / length) }, (_, at) => {
        const delta = letters.slice(at * length, (at + 1) * length).join('')
        return live('output.message.delta', { delta })
      })
    })
    return [event, ...deltas]
  })
}

/**
 * The events of a run by the message or the call that they are of, with the pieces of a text or of
 * arguments as one: calls can be written beside each other.
 */
function folded(run: AgUiRun, events: Event[]): Map<string, AgUiEvent[]> {
  const all = new Map<string, AgUiEvent[]>()
  const add = (event: AgUiEvent) => {
    const id = 'toolCallId' in event ? event.toolCallId : 'messageId' in event && event.messageId
    const ofOne = all.get(String(id)) ?? []
    const last = ofOne.at(-1)
    if (last && 'delta' in last && 'delta' in event && last.type === event.type) {
      ofOne[ofOne.length - 1] = { ...event, delta: last.delta + event.delta } as AgUiEvent
    } else ofOne.push(event)
    all.set(String(id), ofOne)
  }
  let { state, chunks } = startRun(beforeRun(run))
  for (const { event } of chunks) add(event)
  for (const one of events) {
    ;({ state, chunks } = foldAgUi(state, one))
    for (const { event } of chunks) add(event)
  }
  return all
}

test('a run has the same events live and stored, for pieces of any length', () => {
  fc.assert(
    fc.property(worlds, fc.array(fc.nat(20), { minLength: 1, maxLength: 8 }), (world, lengths) => {
      const events = eventsOf(start(world)) as unknown as Event[]
      const live = liveOf(events, lengths)
      for (const { type, data } of events) {
        if (type !== 'session.activated') continue
        const run = runOf((data as { input_message_id: string }).input_message_id)
        assert.deepEqual(folded(run, live), folded(run, events))
      }
    }),
  )
})
