import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Event } from '../events/event.ts'
import {
  beginResponse,
  chunkAfter,
  foldResponse,
  type ResponseChunk,
  responseOf,
} from './openai.ts'

const facts = { id: 'resp_1', sessionId: 'session_1', place: 'p', request: { model: 'agent:ada' } }
const ts = '2026-11-25T09:30:00.000Z'

let sequence = 0
/** A stored event; a delta has no sequence. */
const event = (type: string, data: object = {}) => {
  if (!type.endsWith('.delta')) sequence += 1
  const place = type.endsWith('.delta') ? {} : { sequence }
  return { id: 'event_1', type, ts, session_id: 'session_1', context: {}, data, ...place } as Event
}

const asked = (fields: object = {}) =>
  event('input.message', { message: { id: 'message_1', role: 'user', content: [] }, ...fields })
const activated = (id = 'message_1') => event('session.activated', { input_message_id: id })
const started = (attempt = 1) =>
  event('output.message.started', { message_id: 'message_a', attempt })
const said = (delta: string) => event('output.message.delta', { delta })
const thought = (delta: string) => event('reason.thinking.delta', { delta })
const replied = (text: string, more: object = {}, calls: object[] = []) => {
  const content = [{ type: 'text', text }, ...calls.map((call) => ({ type: 'tool_call', ...call }))]
  return event('output.message.completed', { message: { id: 'message_a', content, ...more } })
}
const ended = () => event('turn.completed')

function foldAll(events: readonly Event[]) {
  const chunks: ResponseChunk[] = []
  let state = beginResponse(facts)
  for (const one of events) {
    const folded = foldResponse(state, one)
    state = folded.state
    chunks.push(...folded.chunks)
  }
  return { state, chunks, response: responseOf(state) }
}

/** Everything but text deltas, and the text by item. */
function contentOf(chunks: readonly ResponseChunk[]) {
  const texts: Record<string, string> = {}
  const others = chunks.filter(({ type, item_id, delta }) => {
    if (!type.endsWith('_text.delta')) return true
    texts[`${type} ${item_id}`] = (texts[`${type} ${item_id}`] ?? '') + delta
    return false
  })
  return { texts, others }
}

const stored = (events: readonly Event[]) => events.filter(({ type }) => !type.endsWith('.delta'))

test('gives the same numbers live, in any pieces, and from the log', () => {
  const begin = [asked(), activated(), started(), event('reason.thinking.started')]
  const end = [replied('Hello there', { thinking: 'Well, now' }), ended()]
  const whole = foldAll([...begin, ...end])
  const pieces = [
    [],
    [thought('Well, now'), said('Hello there')],
    [thought('We'), thought('ll, now'), said('H'), said('ello'), said(' there')],
    [thought('Well'), said('Hello')],
    [said('Hello there')],
  ]
  for (const live of pieces) {
    const { chunks, response } = foldAll([...begin, ...live, ...end])
    const { texts, others } = contentOf(chunks)
    assert.deepEqual(others.at(-1), whole.chunks.at(-1))
    assert.deepEqual(response, whole.response)
    assert.equal(texts['response.output_text.delta msg_a'], 'Hello there')
    const numbers = chunks.map(({ sequence_number }) => sequence_number)
    assert.deepEqual(
      numbers,
      [...new Set(numbers)].toSorted((a, b) => a - b),
    )
    for (const number of numbers) {
      const rest = whole.chunks.flatMap((chunk) => chunkAfter(chunk, number) ?? [])
      const had = chunks.filter((chunk) => chunk.sequence_number <= number)
      const text = contentOf([...had, ...rest]).texts['response.output_text.delta msg_a']
      assert.equal(text, 'Hello there', `after ${number}`)
    }
  }
})

test('drops an attempt that broke off in the same way, whatever of it was seen', () => {
  const events = (live: Event[]) => [
    asked(),
    activated(),
    started(),
    ...live,
    started(2),
    said('Kept'),
    replied('Kept words'),
    ended(),
  ]
  sequence = 0
  const seen = foldAll(events([said('Lost words that are longer')]))
  sequence = 0
  const unseen = foldAll(events([]))
  assert.deepEqual(seen.response, unseen.response)
  const statuses = seen.response.output.map(({ status }) => status)
  assert.deepEqual(statuses, ['incomplete', 'completed'])
  const [live, replay] = [contentOf(seen.chunks).others, contentOf(unseen.chunks).others]
  assert.deepEqual(live, replay)
  const lost = seen.chunks.find(({ delta }) => String(delta).startsWith('Lost'))!
  const rest = unseen.chunks.flatMap((chunk) => chunkAfter(chunk, lost.sequence_number) ?? [])
  assert.equal(contentOf(rest).texts['response.output_text.delta msg_a_2'], 'Kept words')
})

test('ends a reply of a failed turn with the same numbers, whether its text was seen or not', () => {
  const lastOf = (live: Event[]) => {
    sequence = 0
    const failed = event('turn.failed', { error: 'It failed.' })
    const begin = [asked(), activated(), started(), event('reason.thinking.started')]
    return foldAll([...begin, ...live, failed]).chunks.at(-1)!
  }
  const [seen, unseen] = [lastOf([said('Some words')]), lastOf([])]
  assert.equal(seen.type, 'response.failed')
  assert.deepEqual(seen, unseen)
})

test('leaves out the turn before that of a queued message, and the messages after it', () => {
  const call = { id: 'call_1', name: 'add', arguments: {} }
  const { response, chunks } = foldAll([
    asked({ on_busy: 'queue' }),
    started(),
    said('Not mine'),
    replied('Not mine'),
    ended(),
    activated('message_other'),
    ended(),
    activated(),
    started(),
    replied('Mine', {}, [call]),
    event('act.started', { tool_calls: [call] }),
    event('input.message', { message: { id: 'message_2', role: 'user', content: [] } }),
    event('tool.started', { tool_call: call }),
    event('tool.completed', { tool_call_id: 'call_1', success: true, result: [] }),
    event('act.completed'),
    ended(),
    started(),
    replied('Of the next turn'),
  ])
  assert.equal(chunks[1]!.type, 'response.queued')
  assert.deepEqual(
    response.output.map(({ type }) => type),
    ['message', 'mcp_call'],
  )
  assert.deepEqual([response.status, response.output[1]!.arguments], ['completed', '{}'])
})

test('ends when all open calls wait for the client, and not before', () => {
  const [mine, own] = ['mine', 'own'].map((id) => ({ id, name: id, arguments: {} }))
  const begin = [
    asked(),
    activated(),
    started(),
    replied('', {}, [mine!, own!]),
    event('act.started', { tool_calls: [mine, own] }),
    event('tool.call_requested', { tool_calls: [mine] }),
  ]
  assert.equal(foldAll(begin).state.phase, 'open')
  const running = [...begin, event('tool.started', { tool_call: own })]
  assert.equal(foldAll(running).state.phase, 'open')
  const parked = [
    ...running,
    event('tool.completed', { tool_call_id: 'own', success: false, error: 'No.' }),
  ]
  const { response, state } = foldAll(parked)
  assert.equal(state.phase, 'over')
  assert.deepEqual(response.outlast.waiting_for, [
    { type: 'tool_results', call_id: 'call_p_mine', name: 'mine' },
  ])
  const late = foldAll([...parked, ...stored([said('x'), started()])])
  assert.deepEqual(late.response, response)
})

test('keeps what was written before a cancel, and ends after it', () => {
  const cancelled = [
    asked(),
    activated(),
    started(),
    said('Some'),
    event('turn.cancelled'),
    replied('Some words'),
  ]
  assert.equal(foldAll(cancelled).state.phase, 'open')
  const { response, chunks } = foldAll([...cancelled, event('session.idled')])
  assert.equal(response.status, 'cancelled')
  assert.deepEqual(chunks.at(-1)!.type, 'response.incomplete')
  assert.equal(response.output.length, 1)
})

test('continues with the turn that reads the message beside answers, whatever message begins it', () => {
  const message = (id: string, fields: object = {}) =>
    event('input.message', { message: { id, role: 'user', content: [], ...fields } })
  const joining = () => message('message_joining', { metadata: { openai: { joins: facts.id } } })
  const outcome = () => event('tool.completed', { tool_call_id: 'call_1', success: true })
  const reading = () => [event('reason.started'), started()]
  const next = () => [ended(), activated('message_other'), ...reading(), replied('Next'), ended()]
  const textsOf = (events: readonly Event[]) => {
    const { response } = foldAll(events)
    assert.equal(response.status, 'completed')
    return response.output.map(({ content }) => (content as { text: string }[])[0]!.text)
  }
  const other = message('message_other')
  const unread = [outcome(), ...reading(), other, joining(), replied('Last'), ...next()]
  assert.deepEqual(textsOf(unread), ['Last', 'Next'])
  const read = [outcome(), joining(), ...reading(), other, replied('Last'), ...next()]
  assert.deepEqual(textsOf(read), ['Last'])
})

test('a message that joins a turn of another one has the call that reads it, or its cancel', () => {
  const read = foldAll([asked(), started(), replied('Mine'), ended()])
  assert.deepEqual([read.response.status, read.response.output.length], ['completed', 1])
  const cancelled = foldAll([asked(), event('turn.cancelled'), event('session.idled')])
  assert.equal(cancelled.response.status, 'cancelled')
})
