/** States that clients cannot force: nodes late by 100s of ms, steps that last an instant. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EventType } from '@outlast/contract'
import type { EventRow } from '../store/log/events.ts'
import type { SessionFacts } from '../store/turns/workflows.ts'
import { explainFacts } from './why.ts'

const at = (ms: number) => new Date(1_800_000_000_000 + ms).toISOString()

/** A turn that has run for ten seconds on a node with a fresh lease. */
const facts: SessionFacts = {
  session_id: 'session_1',
  turn_id: 'turn_1',
  turn_from: 2,
  turn_input: 'message_1',
  turn_cancelled: false,
  waiting_for: null,
  started_at: at(0),
  finished_at: null,
  created_at: at(0),
  updated_at: at(9_000),
  now: at(10_000),
  placed_at: at(0),
  node: 'node_1',
  missing_capabilities: null,
  refused_until: null,
  renewed_at: at(9_800),
  living: 2,
  taking: 1,
  failed_turn: null,
  error: null,
  error_code: null,
  failed_on: null,
  pause_code: null,
  pause_since: null,
  pause_until: null,
  ahead: null,
}

function log(...events: [type: EventType, data?: object][]): EventRow[] {
  const context = { turn_id: 'turn_1', exec_id: 'exec_1', span_id: 'span_1' }
  return events.map(([type, data = {}], index) => ({
    sequence: 2 + index,
    type,
    ts: at(index * 1_000),
    context: type === 'input.message' ? '{}' : JSON.stringify(context),
    data: JSON.stringify(data),
    tags: null,
  }))
}

const input = { message: { id: 'message_1', content: [{ type: 'text', text: 'hi' }] } }
const begun = log(['input.message', input], ['session.activated'], ['turn.started'])
const asking = log(
  ['input.message', input],
  ['turn.started'],
  ['reason.started'],
  ['output.message.started', { message_id: 'message_2', model: 'm' }],
)

const stateOf = (changes: Partial<SessionFacts>, rows = asking) => {
  const { state, since, sentence } = explainFacts({ ...facts, ...changes }, rows)
  return { state, since, sentence }
}

test('reports an unreachable database after a missed renewal, and a lost node later', () => {
  for (const [renewedAt, living, state, sentence] of [
    [9_001, 2, 'calls_model', /calls the model m, since/],
    [
      9_000,
      2,
      'waits_for_database',
      /the database, which its node cannot reach, since .+ on node_1/,
    ],
    [8_501, 1, 'waits_for_database', /which its node cannot reach/],
    [8_500, 1, 'node_gone', /Its node is lost, and another node is about to take over its turn/],
    [8_500, 0, 'waits_for_database', /the database, which no node can reach, since/],
  ] as const) {
    const why = stateOf({ renewed_at: at(renewedAt), living })
    assert.equal(why.state, state, `${renewedAt} ${living}`)
    assert.match(why.sentence, sentence)
    if (state !== 'calls_model') assert.equal(why.since, at(renewedAt))
  }
  assert.equal(stateOf({ renewed_at: null }).state, 'node_gone')
  assert.equal(stateOf({ renewed_at: null, living: 0 }).state, 'waits_for_database')
})

test('reports a turn that no node has started, and one between two steps', () => {
  assert.equal(stateOf({}, log(['input.message', input])).state, 'starting')
  assert.deepEqual(stateOf({}, begun), {
    state: 'between_steps',
    since: at(2_000),
    sentence: `It is between two steps, since ${at(2_000)} on node_1.`,
  })
  assert.equal(stateOf({ placed_at: null, node: null }).state, 'between_steps')
})

test('reports compaction before the model call, and after a prompt was too long', () => {
  const compacting: [EventType, object] = ['context.compacting', { summarized_to: 1 }]
  const compacted: [EventType, object] = ['context.compacted', {}]
  const asked: [EventType, object] = ['output.message.started', { message_id: 'm', model: 'm' }]
  const before: [EventType, object?][] = [
    ['input.message', input],
    ['turn.started'],
    ['reason.started'],
  ]
  for (const [rows, state] of [
    [[compacting], 'compacts'],
    [[compacting, compacted], 'between_steps'],
    [[compacting, compacted, asked], 'calls_model'],
    [[asked, compacting], 'compacts'],
    [[asked, compacting, compacted, asked], 'calls_model'],
  ] as [[EventType, object][], string][]) {
    assert.equal(stateOf({}, log(...before, ...rows)).state, state)
  }
})

test('a pause belongs to the request before it', () => {
  const pause = { pause_code: 'llm_overloaded', pause_until: at(11_000) }
  assert.equal(stateOf({ ...pause, pause_since: at(3_500) }).state, 'waits_for_retry')
  assert.equal(stateOf({ ...pause, pause_since: at(2_500) }).state, 'calls_model')
})
