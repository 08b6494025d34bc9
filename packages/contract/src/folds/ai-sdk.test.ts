import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { eventsOf, start, worlds } from '../../../../apps/server/test/log-world.ts'
import type { Event } from '../events/event.ts'
import { applyChunk, beginTurnFold, foldMessages, foldTurn, type UIMessageOf } from './ai-sdk.ts'

type Cuts = { cuts: number[]; early: boolean }

/** The events of a log as a client that follows it gets them, with pieces of each reply. */
function liveOf(events: Event[], { cuts, early }: Cuts): Event[] {
  let piece = 0
  return events.flatMap((event, index) => {
    if (event.type !== 'output.message.started') return [event]
    const end = events.slice(index + 1).find(({ type }) => type === 'output.message.completed')
    if (end?.type !== 'output.message.completed') return [event]
    const parts = end.data.message.content
    const text = parts.map((part) => (part.type === 'text' ? part.text : '')).join('')
    const length = (cuts[piece++ % cuts.length] ?? 0) % (text.length + 1)
    const { context } = event
    const about = { id: '', ts: '', session_id: '', context }
    const live = (type: string, data: object) => ({ ...about, type, data }) as unknown as Event
    const words = [...text.slice(0, length)].map((delta) =>
      live('output.message.delta', { turn_id: context.turn_id, delta }),
    )
    const inputs = parts.flatMap((part) =>
      part.type === 'tool_call'
        ? [live('tool.input.delta', { tool_call_id: part.id, name: part.name, delta: '{' })]
        : [],
    )
    // A model may name its tools before its text, and then the step is shown again.
    return [event, ...(early ? [...inputs, ...words] : [...words, ...inputs])]
  })
}

/** The messages of turns, each as a client that follows it has it at its end. */
function followed(events: Event[], cuts: Cuts): UIMessageOf[] {
  const live = liveOf(events, cuts)
  const ids = events.flatMap(({ type, data }) =>
    type === 'session.activated' ? [(data as { turn_id: string }).turn_id] : [],
  )
  return ids.map((turnId) => {
    const message: UIMessageOf = { id: turnId, role: 'assistant', parts: [] }
    let fold = beginTurnFold({ target: { turnId }, version: 7, answeredUntil: events.length })
    for (const event of live) {
      const folded = foldTurn(fold, event)
      fold = folded.fold
      for (const chunk of folded.chunks) applyChunk(message, chunk)
    }
    return message
  })
}

test('a message is the same live and stored, for pieces of any length', () => {
  fc.assert(
    fc.property(
      worlds,
      fc.array(fc.nat(20), { minLength: 1, maxLength: 8 }),
      fc.boolean(),
      (world, cuts, early) => {
        const events = eventsOf(start(world)) as unknown as Event[]
        const stored = foldMessages(events).filter(({ role }) => role === 'assistant')
        assert.deepEqual(followed(events, { cuts, early }), stored)
      },
    ),
  )
})

test('a fold continued after any event gives the same chunks', () => {
  fc.assert(
    fc.property(worlds, fc.nat(200), (world, at) => {
      const events = eventsOf(start(world)) as unknown as Event[]
      const first = events.find(({ type }) => type === 'session.activated')
      if (first?.type !== 'session.activated') return
      const target = { turnId: first.data.turn_id }
      const chunksOf = (shownUntil: number) => {
        const options = { target, version: 7, answeredUntil: events.length, shownUntil } as const
        let fold = beginTurnFold(options)
        return events.flatMap((event) => {
          const folded = foldTurn(fold, event)
          fold = folded.fold
          return folded.chunks.map((chunk) => ({ chunk, sequence: event.sequence! }))
        })
      }
      const cut = at % (events.length + 1)
      const rest = chunksOf(cut).filter(({ sequence }) => sequence > cut)
      assert.deepEqual(
        rest,
        chunksOf(0).filter(({ sequence }) => sequence > cut),
      )
    }),
  )
})

for (const type of ['turn.cancelled', 'turn.failed'] as const) {
  test(`${type} of a turn that has not begun puts its queued message there`, () => {
    const say = (id: string, more: object = {}) => {
      const message = { id, role: 'user', content: [{ type: 'text', text: id }] }
      return { type: 'input.message', context: {}, data: { message, ...more } }
    }
    const begin = (id: string) => {
      const data = { turn_id: `turn of ${id}`, input_message_id: id }
      return { type: 'session.activated', context: { turn_id: data.turn_id }, data }
    }
    const context = { turn_id: 'turn of b', input_message_id: 'b' }
    const ends = { type, context, data: { turn_id: 'turn of b', error: 'x' } }
    const queued = [say('b', { on_busy: 'queue' }), say('c', { on_busy: 'queue' })]
    const log = [say('a'), begin('a'), ...queued, ends, say('d'), begin('d'), begin('c')]
    const ids = foldMessages(log as unknown as Event[]).map(({ id }) => id)
    assert.deepEqual(ids, ['a', 'b', 'd', 'c'])
  })
}

test('a file that changes before the turn of a message begins is no part of its answer', () => {
  const context = { turn_id: 'turn_1', input_message_id: 'message_1' }
  const changes = [{ path: '/a.txt', change: 'created' }]
  const log = [
    { type: 'input.message', context: {}, data: { message: { id: 'message_1' } } },
    { type: 'files.changed', id: 'event_2', context: {}, data: { changes } },
    { type: 'session.activated', context, data: context },
    { type: 'turn.started', context, data: context },
  ]
  let fold = beginTurnFold({ target: { messageId: 'message_1' }, version: 7 })
  const chunks = log.flatMap((event, index) => {
    const folded = foldTurn(fold, { ...event, ts: '', sequence: index + 1 } as unknown as Event)
    fold = folded.fold
    return folded.chunks.map(({ type }) => type)
  })
  assert.deepEqual(chunks, ['start'])
})

test('a turn that fails ends the calls of its last reply', () => {
  const context = { turn_id: 'turn_1', input_message_id: 'message_1' }
  const content = [{ type: 'tool_call', id: 'call_1', name: 'add', arguments: {} }]
  const message = { id: 'message_2', role: 'agent', content, created_at: '' }
  const log = [
    { type: 'session.activated', context, data: context },
    { type: 'turn.started', context, data: context },
    { type: 'reason.started', context, data: {} },
    { type: 'output.message.completed', context, data: { message } },
    { type: 'turn.failed', context, data: { error: 'The turn crashed.' } },
  ]
  const [, shown] = foldMessages(log as unknown as Event[])[0]!.parts
  const { type, state, errorText } = shown!
  const ended = ['dynamic-tool', 'output-error', 'The turn ended without an outcome.']
  assert.deepEqual([type, state, errorText], ended)
})
