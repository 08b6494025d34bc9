import assert from 'node:assert/strict'
import test from 'node:test'
import type { EventDataOf, EventType, ToolCall } from '@outlast/contract'
import fc from 'fast-check'
import {
  type Action,
  fold,
  following,
  type LoggedEvent,
  next,
  type Outcome,
  textOf,
} from './log.ts'

/** What happens in one run: what the model will say, what the tools do, when people write and cancel. */
type World = {
  iterationsMax: number
  /** One entry a model call: the tools it asks for (true: succeeds), none for a final answer, or a failure. */
  replies: { tools: boolean[]; fails: boolean; compacts: boolean }[]
  /** How many transactions turns may last. */
  overdueAt: number | undefined
  /** After how many transactions a message arrives, at the latest when the session is idle. */
  arrivals: { at: number; onBusy: 'steer' | 'queue' | 'interrupt' }[]
  /** After how many transactions the turn is cancelled. */
  cancels: number[]
}

const moment = fc.integer({ min: 1, max: 20 })

const worlds: fc.Arbitrary<World> = fc.record({
  iterationsMax: fc.integer({ min: 1, max: 4 }),
  replies: fc.array(
    fc.record({
      tools: fc.array(fc.boolean(), { maxLength: 3 }),
      fails: fc.boolean(),
      compacts: fc.boolean(),
    }),
    { maxLength: 6 },
  ),
  overdueAt: fc.option(moment, { nil: undefined }),
  arrivals: fc.array(
    fc.record({ at: moment, onBusy: fc.constantFrom('steer', 'queue', 'interrupt') }),
    { maxLength: 5 },
  ),
  cancels: fc.array(moment, { maxLength: 2 }),
})

/** The turn that the session's row holds. */
type Held = { id: string; from: number; input: string }

/** One transaction: the events that it appended, and the turn that the session holds after it. */
type Transaction = { events: LoggedEvent[]; held: Held | undefined }
type Log = Transaction[]
type Drafted = { [T in EventType]: [T, EventDataOf<T>, object?] }[EventType]

const eventsOf = (log: Log) => log.flatMap(({ events }) => events)
const heldBy = (log: Log) => log.at(-1)?.held
const typed = <T extends EventType>(log: Log, type: T) =>
  eventsOf(log).filter((event) => event.type === type) as (LoggedEvent & { type: T })[]

function write(
  log: Log,
  { held, context = {} }: { held: Held | undefined; context?: object },
  drafted: Drafted[],
) {
  const before = eventsOf(log).length
  const events = drafted.map(([type, data, own], index) => ({
    sequence: before + index + 1,
    type,
    context: { ...context, ...own },
    data,
  }))
  log.push({ events: events as unknown as LoggedEvent[], held })
}

const within = (held: Held) => ({
  held,
  context: { turn_id: held.id, input_message_id: held.input, exec_id: 'exec', span_id: 'span' },
})

let turns = 0

/** What POST messages does, in one statement. */
function arrive(log: Log, onBusy: World['arrivals'][number]['onBusy']) {
  const held = heldBy(log)
  const id = `message_${typed(log, 'input.message').length + 1}`
  const content = [{ type: 'text' as const, text: id }]
  const message = { id, role: 'user' as const, content, created_at: '' }
  const from = eventsOf(log).length + 1
  if (!held) {
    turns += 1
    write(log, { held: { id: `turn_${turns}`, from, input: id } }, [['input.message', { message }]])
  } else if (onBusy === 'interrupt' && stateOf(log, held).cancelledAt === undefined) {
    const { context } = within(held)
    const data = { turn_id: held.id, reason: '' }
    write(log, { held }, [
      ['turn.cancelled', data, context],
      ['input.message', { message }],
    ])
  } else {
    const waits = onBusy === 'queue' && { on_busy: onBusy }
    write(log, { held }, [['input.message', { ...waits, message }]])
  }
}

function stateOf(log: Log, held: Held) {
  return fold(held.id, held.input, eventsOf(log).slice(held.from - 1))
}

/** How many replies the log of the session holds: what a deterministic model answers next depends on nothing else. */
const replied = (log: Log) => typed(log, 'reason.completed').length

/** One turn's runner, as crash-safe as the log makes it: it knows nothing but the log. */
function perform(log: Log, held: Held, { action, world }: { action: Action; world: World }) {
  if (action.kind === 'begin') {
    const about = { turn_id: held.id, input_message_id: held.input }
    write(log, within(held), [
      ['session.activated', about],
      ['turn.started', about],
    ])
  }
  if (action.kind === 'reason') reason(log, held, { action, world })
  if (action.kind === 'act') act(log, held, { action, world })
  if (action.kind === 'end') end(log, held, action.outcome)
}

type Step<K extends Action['kind']> = { action: Extract<Action, { kind: K }>; world: World }

function reason(log: Log, held: Held, { action: { open }, world }: Step<'reason'>) {
  const attempt = (open?.attempt ?? 0) + 1
  const started: Drafted = [
    'output.message.started',
    { turn_id: held.id, message_id: 'message_of_reply', attempt },
  ]
  const index = replied(log)
  const { tools, fails, compacts } = world.replies[index] ?? finalReply
  const begun: Drafted[] = open ? [] : [['reason.started', { agent_id: 'a' }]]
  if (compacts && !open) compact(log, held, begun.splice(0))
  write(log, within(held), [...begun, started])
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
  write(log, within(held), [
    ['llm.generation', { messages: [], output: {}, metadata: { model: 'm', success: !fails } }],
    ['output.message.completed', { message }],
    ['reason.completed', { success: !fails, ...has }],
  ])
}

const finalReply = { tools: [], fails: false, compacts: false }

/** A summary is asked for and stored; whoever comes after a crash asks again. */
function compact(log: Log, held: Held, begun: Drafted[]) {
  const about = { turn_id: held.id, summarized_to: 1 }
  write(log, within(held), [...begun, ['context.compacting', { ...about, input_tokens: 9 }]])
  const usage = { input_tokens: 1, output_tokens: 1 }
  const sizes = { input_tokens_before: 9, input_tokens_after: 1, duration_ms: 1 }
  write(log, within(held), [['context.compacted', { ...about, ...sizes, summary: '', usage }]])
}

const callOf = (reply: number, n: number): ToolCall => ({
  id: `call_${reply}_${n}`,
  name: 'tool',
  arguments: {},
})

function act(log: Log, held: Held, { action: { open, requested }, world }: Step<'act'>) {
  if (!open) {
    write(log, within(held), [
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
    write(log, within(held), [['tool.completed', about]])
    return
  }
  const counts = { completed: true, success_count: 0, error_count: 0 }
  write(log, within(held), [['act.completed', counts]])
}

/** In one statement: the end, and idle or the next turn. */
function end(log: Log, held: Held, outcome: Outcome) {
  const state = stateOf(log, held)
  const next = following(state)
  if (next) turns += 1
  const then = next && { id: `turn_${turns}`, from: next.from, input: next.input.messageId }
  const ended: Drafted[] = []
  if (outcome.kind === 'completed') {
    ended.push(['turn.completed', { turn_id: held.id, iterations: state.iterations }])
  }
  if (outcome.kind === 'failed') {
    ended.push(['turn.failed', { turn_id: held.id, error: '', error_code: outcome.code }])
  }
  if (!next) ended.push(['session.idled', { turn_id: held.id }])
  write(log, { held: then, context: within(held).context }, ended)
}

/** Runs a session until it is idle and nothing more happens, from wherever its log stands. */
function run(log: Log, world: World) {
  const due = world.arrivals.toSorted((a, b) => a.at - b.at)
  for (let steps = 0; steps < 300; steps += 1) {
    const held = heldBy(log)
    const arrival = due[typed(log, 'input.message').length - 1]
    if (arrival && (!held || arrival.at <= log.length)) {
      arrive(log, arrival.onBusy)
      continue
    }
    if (!held) return
    const state = stateOf(log, held)
    const cancelled = typed(log, 'turn.cancelled').length
    const wanted = world.cancels.filter((at) => at <= log.length).length
    if (cancelled < wanted && state.cancelledAt === undefined) {
      write(log, within(held), [['turn.cancelled', { turn_id: held.id, reason: '' }]])
      continue
    }
    const overdue = log.length >= (world.overdueAt ?? Infinity)
    const action = next(state, { iterationsMax: world.iterationsMax, overdue })
    perform(log, held, { action, world })
  }
  throw new Error('the session never came to rest')
}

function start(world: World): Log {
  const log: Log = []
  turns = 0
  arrive(log, 'steer')
  run(log, world)
  return log
}

const said = (log: Log) =>
  typed(log, 'output.message.completed').map((event) => textOf(event.data.message.content))

function once<T extends EventType>(
  log: Log,
  type: T,
  idOf: (event: LoggedEvent & { type: T }) => string,
) {
  const ids = typed(log, type).map(idOf)
  assert.equal(new Set(ids).size, ids.length, `${type} twice`)
}

/** Every turn that the session ever held, in order. */
function turnsOf(log: Log): Held[] {
  const found = new Map<string, Held>()
  for (const { held } of log) if (held) found.set(held.id, held)
  return [...found.values()]
}

const ends: EventType[] = ['turn.completed', 'turn.failed', 'turn.cancelled']

/** Whether the message was for a turn of its own, was seen by one that it steered, or its turn ended with a reason. */
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

test('from every transaction boundary of any session, it goes on to a legal end', () => {
  fc.assert(
    fc.property(worlds, (world) => {
      const whole = start(world)
      for (let cut = 1; cut <= whole.length; cut += 1) {
        const log = whole.slice(0, cut)
        run(log, world)
        once(log, 'tool.completed', ({ data }) => data.tool_call_id)
        once(log, 'output.message.completed', ({ data }) => data.message.id)
        assert.deepEqual(log.slice(0, cut), whole.slice(0, cut), 'what was recorded stays')
        // Whoever begins anew needs longer, and may then be too late.
        if (world.overdueAt === undefined && isQuiet(world)) {
          assert.deepEqual(said(log), said(whole), 'the same is said in the end')
        }
      }
    }),
    { numRuns: 300 },
  )
})

test('whatever is interleaved, every message is answered once or its turn ends with a reason', () => {
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

test('no message that a model call has seen begins a turn of its own', () => {
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

test('queued messages get turns of their own in their order, an interrupting one is next', () => {
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

test('every tool that began has one outcome, and a turn ends as its log says', () => {
  fc.assert(
    fc.property(worlds, (world) => {
      const log = start(world)
      for (const { id } of turnsOf(log)) {
        const events = eventsOf(log).filter(({ context }) => context.turn_id === id)
        const of = (type: EventType) => events.filter((event) => event.type === type)
        assert.equal(events.filter(({ type }) => ends.includes(type)).length, 1, `${id} ends once`)
        if (of('turn.cancelled').length > 0) continue
        assert.equal(of('tool.completed').length, of('tool.started').length)
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

test('a turn makes no more model calls than it may', () => {
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

test('an event of an earlier turn says nothing about a later one', () => {
  const log: Log = []
  turns = 0
  arrive(log, 'steer')
  write(log, within(heldBy(log)!), [['turn.completed', { turn_id: 'turn_1', iterations: 1 }]])
  const state = fold('turn_2', 'message_2', eventsOf(log))
  assert.equal(state.ended, false)
  assert.deepEqual(next(state, { iterationsMax: 100 }), { kind: 'begin' })
})
