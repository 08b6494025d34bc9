import assert from 'node:assert/strict'
import test from 'node:test'
import type { EventType } from '@outlast/contract'
import fc from 'fast-check'
import {
  eventsOf,
  type Held,
  type Log,
  run,
  start,
  toolOf,
  typed,
  worlds,
} from '../../../test/log-world.ts'
import { fold, type LoggedEvent, next, type TurnAction } from './state.ts'

type Of<T extends EventType> = LoggedEvent & { type: T }

/** Reads the calls of the current step from the log, without results of `fold`. */
function openCalls(log: Log, { id }: Held) {
  const own = eventsOf(log).filter(({ context }) => context.turn_id === id)
  const begin = own.findLast((event): event is Of<'act.started'> => event.type === 'act.started')
  const isOver = own.some(
    ({ type, sequence }) => type === 'act.completed' && sequence > (begin?.sequence ?? 0),
  )
  if (!begin || isOver) return []
  const about = (callId: string) => own.filter((event) => concerns(event, callId))
  return begin.data.tool_calls
    .map((call) => ({ id: call.id, events: about(call.id) }))
    .filter(({ events }) => !events.some(({ type }) => type === 'tool.completed'))
}

function concerns(event: LoggedEvent, callId: string): boolean {
  if (event.type === 'tool.call_requested')
    return event.data.tool_calls.some(({ id }) => id === callId)
  if (event.type === 'tool.approval_requested' || event.type === 'tool.started') {
    return event.data.tool_call.id === callId
  }
  if (
    event.type === 'tool.approval_resolved' ||
    event.type === 'tool.input_resolved' ||
    event.type === 'tool.completed'
  ) {
    return event.data.tool_call_id === callId
  }
  return false
}

/** Whether only waiting is left: each open call is external, and no message has ended a wait. */
function mayWait(log: Log, held: Held): boolean {
  const isCancelled = typed(log, 'turn.cancelled').some(
    ({ context }) => context.turn_id === held.id,
  )
  const open = openCalls(log, held)
  const steering = typed(log, 'input.message').filter(({ data }) => data.on_busy !== 'queue')
  const isTheirs = (events: LoggedEvent[]) => {
    const last = events.at(-1)!
    if (last.type === 'tool.approval_requested') return true
    const isLeft = steering.some(({ sequence }) => sequence > last.sequence)
    return last.type === 'tool.call_requested' && !isLeft
  }
  return !isCancelled && open.length > 0 && open.every(({ events }) => isTheirs(events))
}

test('a turn waits only when nothing else is left to do', () => {
  let waits = 0
  fc.assert(
    fc.property(worlds, fc.nat(), (world, crash) => {
      const look = (log: Log, held: Held, { kind }: TurnAction) => {
        assert.equal(kind === 'wait', mayWait(log, held), kind)
        if (kind === 'wait') waits += 1
      }
      const whole = start(world, look)
      run(whole.slice(0, 1 + (crash % whole.length)), world, look)
    }),
    { numRuns: 1000 },
  )
  assert.ok(waits > 100, `only ${waits} waits were seen`)
})

test('open calls do not keep an overdue or cancelled turn from ending', () => {
  fc.assert(
    fc.property(worlds, (world) => {
      start(world, (log, held, { kind }) => {
        const state = fold(held.id, held.input, eventsOf(log).slice(held.from - 1))
        const late = next(state, { iterationsMax: world.iterationsMax, overdue: true })
        assert.equal(
          late.kind === 'wait',
          kind === 'wait',
          'a wait takes none of the turn its time',
        )
      })
    }),
    { numRuns: 300 },
  )
})

test('a call has one decision and one outcome in every order of answers, denials and timeouts', () => {
  fc.assert(
    fc.property(worlds, fc.nat(), (world, crash) => {
      const log = start(world)
      const cut = log.slice(0, 1 + (crash % log.length))
      run(cut, world)
      for (const each of [log, cut]) {
        for (const type of ['tool.approval_resolved', 'tool.completed'] as const) {
          const ids = typed(each, type).map(({ data }) => data.tool_call_id)
          assert.equal(new Set(ids).size, ids.length, `${type} twice`)
        }
      }
    }),
    { numRuns: 500 },
  )
})

test('an approved call starts once, after its approval, with the approved arguments', () => {
  let begun = 0
  fc.assert(
    fc.property(worlds, (world) => {
      const log = start(world)
      for (const { data: asked } of typed(log, 'tool.approval_requested')) {
        const { id } = asked.tool_call
        const events = eventsOf(log).filter((event) => concerns(event, id))
        const at = events.findIndex(({ type }) => /^tool\.(started|call_requested)$/.test(type))
        if (at < 0) continue
        begun += 1
        const resolved = events[at - 1]
        assert.equal(
          resolved?.type === 'tool.approval_resolved' && resolved.data.decision,
          'approved',
        )
        const expected = (resolved as Of<'tool.approval_resolved'>).data.arguments ?? {}
        assert.deepEqual(argumentsIn(events[at]!, id), expected)
      }
    }),
    { numRuns: 1000 },
  )
  assert.ok(begun > 20, `only ${begun} such calls began`)
})

function argumentsIn(event: LoggedEvent, callId: string) {
  if (event.type === 'tool.started') return event.data.tool_call.arguments
  const { tool_calls } = (event as Of<'tool.call_requested'>).data
  return tool_calls.find(({ id }) => id === callId)!.arguments
}

test('client calls do not start on the server, and server calls are not sent to the client', () => {
  fc.assert(
    fc.property(worlds, (world) => {
      const log = start(world)
      for (const { data } of typed(log, 'tool.started')) {
        assert.equal(toolOf(world, data.tool_call.id).isClients, false)
      }
      for (const { data } of typed(log, 'tool.call_requested')) {
        if (data.input) continue
        for (const { id } of data.tool_calls) assert.ok(toolOf(world, id).isClients)
      }
    }),
    { numRuns: 300 },
  )
})

test('a tool starts again after each outcome of its questions, and gets all of them', () => {
  let asked = 0
  fc.assert(
    fc.property(worlds, (world) => {
      const log = start(world)
      for (const { data, sequence } of typed(log, 'tool.input_resolved')) {
        asked += 1
        const later = eventsOf(log).filter(
          (event) => event.sequence > sequence && concerns(event, data.tool_call_id),
        )
        const next = later[0]?.type
        assert.ok(next === undefined || next === 'tool.started' || next === 'tool.completed', next)
      }
      for (const { data } of typed(log, 'tool.completed')) {
        if (!data.success || toolOf(world, data.tool_call_id).isClients) continue
        const about = eventsOf(log).filter((event) => concerns(event, data.tool_call_id))
        const resolved = about.filter(({ type }) => type === 'tool.input_resolved')
        assert.equal(resolved.length, toolOf(world, data.tool_call_id).questions)
      }
    }),
    { numRuns: 500 },
  )
  assert.ok(asked > 20, `only ${asked} sets of questions were asked`)
})
