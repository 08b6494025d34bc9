import assert from 'node:assert/strict'
import test from 'node:test'
import type { EventType } from '@outlast/contract'
import fc from 'fast-check'
import {
  begun,
  eventsOf,
  heldBy,
  type Log,
  run,
  start,
  turnsOf,
  typed,
  type World,
  within,
  worlds,
  write,
} from '../../../test/log-world.ts'
import { contentText, fold, hasEnded, type LoggedEvent, next } from './state.ts'

const said = (log: Log) =>
  typed(log, 'output.message.completed').map((event) => contentText(event.data.message.content))

function once<T extends EventType>(
  log: Log,
  type: T,
  idOf: (event: LoggedEvent & { type: T }) => string,
) {
  const ids = typed(log, type).map(idOf)
  assert.equal(new Set(ids).size, ids.length, `${type} twice`)
}

const ends: EventType[] = ['turn.completed', 'turn.failed', 'turn.cancelled']

/**
 * Returns whether a message got its own turn, steered another, or that turn ended with a reason.
 */
function fateOf(log: Log, input: LoggedEvent & { type: 'input.message' }) {
  const { id } = input.data.message
  const later = eventsOf(log).filter(({ sequence }) => sequence > input.sequence)
  const own = turnsOf(log).filter((turn) => turn.input === id)
  const queued = input.data.on_busy === 'queue'
  const steered = later.some(
    ({ type }) => type === 'output.message.started' || type === 'turn.cancelled',
  )
  return { own: own.length, steered: steered && !queued }
}

const isQuiet = ({ cancels, arrivals }: World) => cancels.length + arrivals.length === 0

test('every session resumes from every transaction boundary to a legal end', () => {
  fc.assert(
    fc.property(worlds, (world) => {
      const whole = start(world)
      for (let cut = 1; cut <= whole.length; cut += 1) {
        const log = whole.slice(0, cut)
        run(log, world)
        once(log, 'tool.completed', ({ data }) => data.tool_call_id)
        once(log, 'output.message.completed', ({ data }) => data.message.id)
        assert.deepEqual(log.slice(0, cut), whole.slice(0, cut), 'what was recorded stays')
        // A restart takes longer and may then be overdue.
        if (world.overdueAt === undefined && isQuiet(world)) {
          assert.deepEqual(said(log), said(whole), 'the same is said in the end')
        }
      }
    }),
    { numRuns: 300 },
  )
})

test('every message is answered once or its turn ends with a reason, in every interleaving', () => {
  fc.assert(
    fc.property(worlds, fc.nat(), (world, crash) => {
      const whole = start(world)
      const log = whole.slice(0, 1 + (crash % whole.length))
      run(log, world)
      for (const input of typed(log, 'input.message')) {
        const { own, steered } = fateOf(log, input)
        assert.ok(own <= 1, `message ${input.sequence} has ${own} turns`)
        assert.ok(own === 1 || steered, `message ${input.sequence} was forgotten`)
      }
    }),
    { numRuns: 1000 },
  )
})

test('a message that a model call has seen does not start its own turn', () => {
  fc.assert(
    fc.property(worlds, (world) => {
      const log = start(world)
      for (const { id, input } of turnsOf(log)) {
        const message = typed(log, 'input.message').find(({ data }) => data.message.id === input)!
        if (message.data.on_busy === 'queue') continue
        const seen = typed(log, 'output.message.started').find(
          ({ sequence, context }) => sequence > message.sequence && before(context.turn_id!, id),
        )
        assert.equal(seen, undefined, `${id} begins with a message that was seen`)
      }
    }),
    { numRuns: 500 },
  )
})

const before = (a: string, b: string) => Number(a.slice(5)) < Number(b.slice(5))

test('queued messages get their own turns in order, and an interrupting one is next', () => {
  fc.assert(
    fc.property(worlds, (world) => {
      const log = start(world)
      const inputs = typed(log, 'input.message')
      const queued = inputs.filter(({ data }) => data.on_busy === 'queue')
      const begun = turnsOf(log).map(({ input }) => input)
      assert.deepEqual(
        begun.filter((id) => queued.some(({ data }) => data.message.id === id)),
        queued.map(({ data }) => data.message.id),
      )
      for (const { events, held } of log) {
        if (events[0]?.type !== 'turn.cancelled' || events.length === 1) continue
        const { message } = (events[1] as LoggedEvent & { type: 'input.message' }).data
        assert.equal(begun[begun.indexOf(held!.input) + 1], message.id)
      }
    }),
    { numRuns: 500 },
  )
})

test('every call of a step has one outcome, and a turn ends as its log records', () => {
  fc.assert(
    fc.property(worlds, (world) => {
      const log = start(world)
      for (const { id } of turnsOf(log)) {
        const events = eventsOf(log).filter(({ context }) => context.turn_id === id)
        const of = (type: EventType) => events.filter((event) => event.type === type)
        assert.equal(events.filter(({ type }) => ends.includes(type)).length, 1, `${id} ends once`)
        if (of('turn.cancelled').length > 0) continue
        const acts = of('act.started') as (LoggedEvent & { type: 'act.started' })[]
        const calls = acts.flatMap(({ data }) => data.tool_calls)
        assert.equal(of('tool.completed').length, calls.length)
        const failed = events.some(
          (event) => event.type === 'reason.completed' && !event.data.success,
        )
        const [last] = of('turn.failed') as (LoggedEvent & { type: 'turn.failed' })[]
        const code = last?.data.error_code
        if (code !== 'turn_timeout') assert.equal(code === 'llm_error', failed)
      }
    }),
    { numRuns: 300 },
  )
})

test('a turn stays within its limit of model calls', () => {
  fc.assert(
    fc.property(worlds, (world) => {
      const counts = new Map<string, number>()
      for (const { context } of typed(start(world), 'reason.started')) {
        counts.set(context.turn_id!, (counts.get(context.turn_id!) ?? 0) + 1)
      }
      for (const count of counts.values()) assert.ok(count <= world.iterationsMax)
    }),
    { numRuns: 300 },
  )
})

test('events of an earlier turn do not change a later one', () => {
  const log = begun()
  write(log, within(heldBy(log)!), [['turn.completed', { turn_id: 'turn_1', iterations: 1 }]])
  const state = fold('turn_2', 'message_2', eventsOf(log))
  assert.equal(hasEnded(state), false)
  assert.deepEqual(next(state, { iterationsMax: 100 }), { kind: 'begin' })
})
