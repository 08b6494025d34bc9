import assert from 'node:assert/strict'
import test from 'node:test'
import type { EventDataOf, EventType, ToolCall } from '@outlast/contract'
import fc from 'fast-check'
import { type Action, fold, type LoggedEvent, next, type Outcome, textOf } from './log.ts'

/** What happens in one run: what the model will say, what the tools do, when people write. */
type World = {
  iterationsMax: number
  /** One entry a model call: the tools it asks for (true: succeeds), none for a final answer, or a failure. */
  replies: { tools: boolean[]; fails: boolean }[]
  /** After how many transactions a message arrives. */
  arrivals: number[]
  /** After how many transactions the turn is cancelled. */
  cancelAt: number | undefined
}

const worlds: fc.Arbitrary<World> = fc.record({
  iterationsMax: fc.integer({ min: 1, max: 4 }),
  replies: fc.array(
    fc.record({
      tools: fc.array(fc.boolean(), { maxLength: 3 }),
      fails: fc.boolean(),
    }),
    { maxLength: 5 },
  ),
  arrivals: fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 3 }),
  cancelAt: fc.option(fc.integer({ min: 1, max: 12 }), { nil: undefined, freq: 4 }),
})

type Log = LoggedEvent[][]
type Drafted = { [T in EventType]: [T, EventDataOf<T>, object?] }[EventType]

const turnId = (n: number) => `turn_${n}`
const inputs = (log: Log) => log.flat().filter(({ type }) => type === 'input.message')

function write(log: Log, turn: string | undefined, drafted: Drafted[]) {
  const before = log.flat().length
  const events = drafted.map(([type, data, context], index) => ({
    sequence: before + index + 1,
    type,
    context:
      turn === undefined ? {} : { turn_id: turn, exec_id: 'exec', span_id: 'span', ...context },
    data,
  }))
  log.push(events as unknown as LoggedEvent[])
}

function arrive(log: Log) {
  const id = `message_${inputs(log).length + 1}`
  const content = [{ type: 'text' as const, text: id }]
  write(log, undefined, [
    ['input.message', { message: { id, role: 'user', content, created_at: '' } }],
  ])
}

/** How many replies the log of the session holds: what a deterministic model answers next depends on nothing else. */
const replied = (log: Log) => log.flat().filter(({ type }) => type === 'reason.completed').length

/** One turn's runner, as crash-safe as the log makes it: it knows nothing but the log. */
function perform(log: Log, turn: string, { action, world }: { action: Action; world: World }) {
  if (action.kind === 'begin') {
    const about = { turn_id: turn, input_message_id: 'message_1' }
    write(log, turn, [
      ['session.activated', about],
      ['turn.started', about],
    ])
  }
  if (action.kind === 'reason') reason(log, turn, { action, world })
  if (action.kind === 'act') act(log, turn, { action, world })
  if (action.kind === 'end') end(log, turn, action.outcome)
}

type Step<K extends Action['kind']> = { action: Extract<Action, { kind: K }>; world: World }

function reason(log: Log, turn: string, { action: { open }, world }: Step<'reason'>) {
  const attempt = (open?.attempt ?? 0) + 1
  const started: Drafted = ['output.message.started', { turn_id: turn, message_id: 'm', attempt }]
  write(log, turn, open ? [started] : [['reason.started', { agent_id: 'a' }], started])
  const index = replied(log)
  const { tools, fails } = world.replies[index] ?? { tools: [], fails: false }
  const calls = fails ? [] : tools.map((_, n) => callOf(index, n))
  const message = {
    id: `reply_${index}`,
    role: 'agent' as const,
    content: [
      { type: 'text' as const, text: `reply ${index}` },
      ...calls.map((call) => ({ type: 'tool_call' as const, ...call })),
    ],
    created_at: '',
  }
  const has = { has_tool_calls: calls.length > 0, tool_call_count: calls.length }
  write(log, turn, [
    ['llm.generation', { messages: [], output: {}, metadata: { model: 'm', success: !fails } }],
    ['output.message.completed', { message }],
    ['reason.completed', { success: !fails, ...has }],
  ])
}

const callOf = (reply: number, n: number): ToolCall => ({
  id: `call_${reply}_${n}`,
  name: 'tool',
  arguments: {},
})

function act(log: Log, turn: string, { action: { open, requested }, world }: Step<'act'>) {
  if (!open) {
    write(log, turn, [
      ['act.started', { tool_calls: requested.map(({ id, name }) => ({ id, name })) }],
      ...requested.map((tool_call): Drafted => ['tool.started', { tool_call }]),
    ])
    return
  }
  const pending = open.calls.find(({ outcome }) => !outcome)
  if (pending) {
    const [, reply, n] = pending.call.id.split('_').map(Number)
    const success = world.replies[reply!]!.tools[n!]!
    const status = success ? 'success' : 'error'
    const about = { tool_call_id: pending.call.id, tool_name: 'tool', success, status } as const
    write(log, turn, [['tool.completed', about]])
    return
  }
  write(log, turn, [['act.completed', { completed: true, success_count: 0, error_count: 0 }]])
}

function end(log: Log, turn: string, outcome: Outcome) {
  const state = fold(turn, log.flat().slice(firstOf(log, turn)))
  const late = state.unseen.filter(({ sequence, messageId }) =>
    outcome.kind === 'cancelled'
      ? sequence > state.cancelledAt!
      : messageId !== state.inputMessageId,
  )
  const idled: Drafted[] = late.length > 0 ? [] : [['session.idled', { turn_id: turn }]]
  const ended: Drafted[] =
    outcome.kind === 'completed'
      ? [['turn.completed', { turn_id: turn, iterations: state.iterations }]]
      : outcome.kind === 'failed'
        ? [['turn.failed', { turn_id: turn, error: '', error_code: outcome.code }]]
        : [['session.idled', { turn_id: turn }]]
  write(log, turn, outcome.kind === 'cancelled' ? ended : [...ended, ...idled])
}

/** Index in the flat log of the message that a turn begins with. */
function firstOf(log: Log, turn: string): number {
  const at = starts.get(log)?.get(turn)
  return at ?? 0
}
const starts = new WeakMap<Log, Map<string, number>>()

/** Runs a session until it is idle with nothing unanswered, from wherever its log stands. */
function run(log: Log, world: World, from: { turn: number; start: number }) {
  const known = new Map<string, number>()
  starts.set(log, known)
  let { turn } = from
  known.set(turnId(turn), from.start)
  for (let steps = 0; steps < 200; steps += 1) {
    while (world.arrivals.filter((at) => at <= log.length).length > inputs(log).length - 1) {
      arrive(log)
    }
    const id = turnId(turn)
    const running = fold(id, log.flat().slice(known.get(id)!))
    const cancels = world.cancelAt !== undefined && world.cancelAt <= log.length
    if (cancels && turn === 0 && !running.ended && running.cancelledAt === undefined) {
      write(log, id, [['turn.cancelled', { turn_id: id }]])
      continue
    }
    const action = next(running, world.iterationsMax)
    if (action.kind !== 'done') {
      perform(log, id, { action, world })
      continue
    }
    const late = unansweredAfter(log, id)
    if (late === undefined) return { turn }
    turn += 1
    known.set(turnId(turn), late)
  }
  throw new Error('the session never came to rest')
}

/** Where the next turn begins: the first message that the ended turn left behind. */
function unansweredAfter(log: Log, turn: string): number | undefined {
  const state = fold(turn, log.flat().slice(firstOf(log, turn)))
  const [first] = state.unseen.filter(({ sequence, messageId }) =>
    state.cancelledAt === undefined
      ? messageId !== state.inputMessageId
      : sequence > state.cancelledAt,
  )
  return first && first.sequence - 1
}

function start(world: World): Log {
  const log: Log = []
  starts.set(log, new Map())
  arrive(log)
  run(log, world, { turn: 0, start: 0 })
  return log
}

const said = (log: Log) =>
  log
    .flat()
    .filter((event) => event.type === 'output.message.completed')
    .map((event) => textOf(event.data.message.content))

const once = (log: Log, type: EventType, idOf: (event: LoggedEvent) => string) => {
  const ids = log
    .flat()
    .filter((event) => event.type === type)
    .map(idOf)
  assert.equal(new Set(ids).size, ids.length, `${type} twice`)
}

/** The turn that a prefix of a log stands in, and where that turn begins. */
function standing(whole: Log, prefix: Log): { turn: number; start: number } {
  const turns = starts.get(whole)!
  const flat = prefix.flat().length
  const begun = [...turns].filter(([, at]) => at < flat)
  const ended = (id: string) => fold(id, prefix.flat().slice(turns.get(id)!)).ended
  const index = begun.findIndex(([id], n) => n === begun.length - 1 || !ended(id))
  return { turn: index, start: begun[index]![1] }
}

test('from every transaction boundary of any session, the turn goes on to a legal end', () => {
  fc.assert(
    fc.property(worlds, (world) => {
      const whole = start(world)
      for (let cut = 1; cut <= whole.length; cut += 1) {
        const log = whole.slice(0, cut)
        const at = standing(whole, log)
        run(log, world, at)
        const texts = said(log)
        once(log, 'reason.completed', (event) => `${event.sequence}`)
        once(
          log,
          'tool.completed',
          (event) => (event.data as { tool_call_id: string }).tool_call_id,
        )
        once(
          log,
          'output.message.completed',
          (event) => (event.data as { message: { id: string } }).message.id,
        )
        assert.deepEqual(log.slice(0, cut), whole.slice(0, cut), 'what was recorded stays')
        if (world.cancelAt === undefined && world.arrivals.length === 0) {
          assert.deepEqual(texts, said(whole), 'the same is said in the end')
        }
      }
    }),
    { numRuns: 300 },
  )
})

test('every accepted message is seen by a model call or its turn ends with a reason', () => {
  fc.assert(
    fc.property(worlds, (world) => {
      const log = start(world)
      const flat = log.flat()
      for (const input of inputs(log)) {
        const seen = flat.some(
          ({ type, sequence }) => type === 'output.message.started' && sequence > input.sequence,
        )
        const ended = flat.some(
          ({ type, sequence }) =>
            sequence > input.sequence && (type === 'turn.failed' || type === 'turn.cancelled'),
        )
        assert.ok(seen || ended, `message ${input.sequence} was forgotten`)
      }
    }),
    { numRuns: 300 },
  )
})

test('no message that a model call has seen begins a turn of its own', () => {
  fc.assert(
    fc.property(worlds, (world) => {
      const log = start(world)
      for (const [turn, at] of starts.get(log)!) {
        const earlier = log
          .flat()
          .filter(
            ({ type, context }) => type === 'output.message.started' && context.turn_id !== turn,
          )
          .filter(({ sequence, context }) => sequence > at + 1 && before(context.turn_id!, turn))
        assert.deepEqual(earlier, [], `${turn} begins with a message that was seen`)
      }
    }),
    { numRuns: 300 },
  )
})

const before = (a: string, b: string) => Number(a.slice(5)) < Number(b.slice(5))

test('every tool that began has one outcome, and a turn ends as its log says', () => {
  fc.assert(
    fc.property(worlds, (world) => {
      const log = start(world)
      for (const turn of starts.get(log)!.keys()) {
        const events = log.flat().filter(({ context }) => context.turn_id === turn)
        const of = (type: EventType) => events.filter((event) => event.type === type)
        const ends = [...of('turn.completed'), ...of('turn.failed'), ...of('turn.cancelled')]
        assert.equal(ends.length, 1, `${turn} ends once`)
        if (of('turn.cancelled').length > 0) continue
        assert.equal(of('tool.completed').length, of('tool.started').length)
        const failed = events.some(
          (event) => event.type === 'reason.completed' && !event.data.success,
        )
        const [last] = of('turn.failed') as (LoggedEvent & { type: 'turn.failed' })[]
        assert.equal(last?.data.error_code === 'llm_error', failed)
      }
    }),
    { numRuns: 300 },
  )
})

test('a turn makes no more model calls than it may', () => {
  fc.assert(
    fc.property(worlds, (world) => {
      const log = start(world)
      const counts = new Map<string, number>()
      for (const { type, context } of log.flat()) {
        if (type !== 'reason.started') continue
        counts.set(context.turn_id!, (counts.get(context.turn_id!) ?? 0) + 1)
      }
      for (const count of counts.values()) assert.ok(count <= world.iterationsMax)
    }),
    { numRuns: 300 },
  )
})

test('an event of an earlier turn says nothing about a later one', () => {
  const log: Log = []
  arrive(log)
  write(log, 'turn_0', [['turn.completed', { turn_id: 'turn_0', iterations: 1 }]])
  const state = fold('turn_1', log.flat())
  assert.equal(state.ended, false)
  assert.deepEqual(next(state, 100), { kind: 'begin' })
})
