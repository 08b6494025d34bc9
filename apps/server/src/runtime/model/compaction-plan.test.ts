import assert from 'node:assert/strict'
import test from 'node:test'
import type { EventMessage, EventType } from '@outlast/contract'
import fc from 'fast-check'
import {
  addToConversation,
  type Compacted,
  type Conversation,
  newConversation,
  shortenedMessage,
  viewOf,
} from '../../store/log/conversation.ts'
import { planFor, type Room, tokensOf, tokensOfText } from './compaction-plan.ts'

type Kind = 'user' | 'agent' | 'tool'
type Size = { kind: Kind; length: number; calls?: number }

const sizes: fc.Arbitrary<Size[]> = fc.array(
  fc.record({
    kind: fc.constantFrom('user', 'agent', 'tool'),
    length: fc.integer({ min: 0, max: 12_000 }),
  }),
  { minLength: 1, maxLength: 30 },
)
const rooms = fc.record({
  tokensMax: fc.integer({ min: 0, max: 6_000 }),
  tokensFixed: fc.integer({ min: 0, max: 1_500 }),
  cutsMessages: fc.boolean(),
})

const ts = '2026-01-01T00:00:00.000Z'

/** Builds a legal conversation: a tool entry is a reply with calls, one by default, and results. */
function conversationOf(list: Size[]): Conversation {
  const conversation = newConversation('session_0123456789abcdef0123456789abcdef')
  let sequence = 0
  const add = (type: EventType, data: object) => {
    sequence += 1
    addToConversation(conversation, {
      sequence,
      type,
      ts,
      context: '{}',
      data: JSON.stringify(data),
    })
  }
  const said = (role: EventMessage['role'], content: object[]) => ({
    message: { id: `message_${sequence}`, role, content, created_at: ts },
  })
  add('input.message', said('user', [{ type: 'text', text: 'begin' }]))
  for (const [index, { kind, length, calls: count = 1 }] of list.entries()) {
    const text = 'x'.repeat(length)
    if (kind === 'user') add('input.message', said('user', [{ type: 'text', text }]))
    if (kind === 'agent') {
      add('output.message.started', {})
      add('output.message.completed', said('agent', [{ type: 'text', text }]))
    }
    if (kind !== 'tool') continue
    const calls = Array.from({ length: count }, (_, n) => `call_${index}_${n}`)
    const made = calls.map((id) => ({ type: 'tool_call', id, name: 'look', arguments: {} }))
    add('output.message.started', {})
    add('output.message.completed', said('agent', made))
    const result = [{ type: 'text', text }]
    for (const tool_call_id of calls) {
      add('tool.completed', { tool_call_id, tool_name: 'look', success: true, result })
    }
  }
  return conversation
}

/** Applies plans until none is left, with summaries of at most the given length. */
function carryOut(conversation: Conversation, room: Room) {
  let said: Compacted = {}
  for (let round = 1; round <= 60; round += 1) {
    const plan = planFor(viewOf(conversation), room)
    if (plan.kind === 'fits' || plan.kind === 'stuck') return plan.kind
    if (plan.kind === 'shorten') said = { ...said, shortened_to: plan.to }
    else {
      const summary = 's'.repeat(plan.tokensMax * 2)
      said = { ...said, summary, summarized_to: plan.to }
    }
    const row = { sequence: 10_000 + round, type: 'context.compacted' as const, ts, context: '{}' }
    addToConversation(conversation, { ...row, data: JSON.stringify(said) })
  }
  throw new Error('it never comes to an end')
}

test('planning ends: the conversation fits, or cannot be shortened further', () => {
  fc.assert(
    fc.property(sizes, rooms, (list, room) => {
      const conversation = conversationOf(list)
      const newest = conversation.entries.at(-1)!
      const end = carryOut(conversation, room)
      const view = viewOf(conversation)
      const tokens = view.reduce((sum, { message }) => sum + tokensOf(message), room.tokensFixed)
      if (end === 'fits') assert.ok(tokens <= room.tokensMax)
      assert.equal(view.at(-1)!.message, newest.message, 'the newest message stays as it is')
      for (const [index, { message }] of view.entries()) {
        if (message.role !== 'tool_result') continue
        const before = view[index - 1]?.message.role
        assert.ok(before === 'agent' || before === 'tool_result', 'a result follows its call')
      }
    }),
    { numRuns: 500 },
  )
})

test('a conversation with a short newest message fits if messages may be cut', () => {
  const calls = fc.integer({ min: 1, max: 20 })
  const lists = fc.array(
    fc.tuple(fc.constantFrom<Kind>('user', 'agent', 'tool'), fc.nat(12_000), calls),
    { maxLength: 20 },
  )
  fc.assert(
    fc.property(lists, fc.integer({ min: 1_000, max: 6_000 }), (list, tokensMax) => {
      const before = list.map(([kind, length, calls]) => ({ kind, length, calls }))
      const conversation = conversationOf([...before, { kind: 'user', length: tokensMax }])
      const end = carryOut(conversation, { tokensMax, tokensFixed: 0, cutsMessages: true })
      assert.equal(end, 'fits')
    }),
    { numRuns: 500 },
  )
})

test('does not change a conversation that fits', () => {
  fc.assert(
    fc.property(sizes, (list) => {
      const { entries } = conversationOf(list)
      const tokens = entries.reduce((sum, { message }) => sum + tokensOf(message), 0)
      const room = { tokensMax: tokens + 10, tokensFixed: 10, cutsMessages: true }
      assert.deepEqual(planFor(entries, room), { kind: 'fits' })
    }),
  )
})

test('a view of the conversation before a call equals the input of that call', () => {
  const conversation = conversationOf([
    { kind: 'tool', length: 9_000 },
    { kind: 'user', length: 10 },
  ])
  const whole = viewOf(conversation)
  carryOut(conversation, { tokensMax: 700, tokensFixed: 0, cutsMessages: false })
  assert.notDeepEqual(viewOf(conversation), whole)
  assert.deepEqual(viewOf(conversation, 10_000), whole)
})

test('counts four Latin characters or one other character as a token', () => {
  assert.equal(tokensOfText('abcd'.repeat(10)), 10)
  assert.equal(tokensOfText('ä ö ü'), 2)
  assert.equal(tokensOfText('日本語'), 3)
  assert.equal(tokensOfText(''), 0)
})

test('an image in a result counts as one image; a shortened result only names it', () => {
  const conversation = newConversation('session_0123456789abcdef0123456789abcdef')
  const result = [
    { type: 'text', text: '{"content":[]}' },
    { type: 'image', media_type: 'image/png', base64: 'A'.repeat(1_000_000) },
  ]
  const data = JSON.stringify({ tool_call_id: 'c', result })
  addToConversation(conversation, { sequence: 1, type: 'tool.completed', ts, context: '{}', data })
  const { message } = conversation.entries[0]!
  assert.ok(tokensOf(message) < 2_000)
  const short = JSON.stringify(shortenedMessage(message))
  assert.match(short, /\[image image\/png\]/)
  assert.ok(short.length < 500)
})
