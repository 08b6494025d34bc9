import assert from 'node:assert/strict'
import type { EventDataOf, EventType, ToolCall } from '@outlast/contract'
import { isOutside, type OpenCall } from '../src/runtime/log/open-calls.ts'
import {
  callsOf,
  fold,
  following,
  type LoggedEvent,
  next,
  type TurnAction,
  type TurnOutcome,
} from '../src/runtime/log/state.ts'
import type { Tool, World } from './log-scripts.ts'

export { type World, worlds } from './log-scripts.ts'

/** The turn in the session's row. */
export type Held = { id: string; from: number; input: string }

/** One transaction: the events that it appended, and the turn in the session's row after it. */
type Transaction = { events: LoggedEvent[]; held: Held | undefined }
export type Log = Transaction[]
type Drafted = { [T in EventType]: [T, EventDataOf<T>, object?] }[EventType]

export const eventsOf = (log: Log) => log.flatMap(({ events }) => events)
export const heldBy = (log: Log) => log.at(-1)?.held
export const typed = <T extends EventType>(log: Log, type: T) =>
  eventsOf(log).filter((event) => event.type === type) as (LoggedEvent & { type: T })[]

export function write(
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

export const within = (held: Held) => ({
  held,
  context: { turn_id: held.id, input_message_id: held.input, exec_id: 'exec', span_id: 'span' },
})

let turns = 0

/** Returns a log in which a message has arrived. */
export function begun(): Log {
  const log: Log = []
  turns = 0
  arrive(log, 'steer')
  return log
}

/** Does the same as POST messages, in one statement. */
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

const outsideCalls = (log: Log, held: Held) =>
  callsOf(stateOf(log, held)).filter((call) => isOutside(call) && !call.outcome)

/** Marks an answer; the number of answers is derived from the log, like all other state. */
const answered = { answered: true }
const answersIn = (log: Log) =>
  log.filter(({ events }) => events.some(({ context }) => 'answered' in context)).length

const usual = { how: 'expired', which: 0 } as const

type ClientAnswer = Pick<World['answers'][number], 'how' | 'which'>

const inputResolved = (
  done: { tool_call_id: string; tool_name: string },
  status: 'answered' | 'cancelled',
  about: object = {},
): Drafted => ['tool.input_resolved', { ...done, status, answered_by: 'user', answers: [] }, about]

/**
 * Does the same as POST tool-results, question-answers and approvals, and their expiry, in one
 * transaction.
 */
function answer(log: Log, held: Held, { how, which }: ClientAnswer) {
  const calls = outsideCalls(log, held)
  const { call, stage } = calls[which % calls.length]!
  const done = { tool_call_id: call.id, tool_name: 'tool' }
  const outcome = (success: boolean, status: 'success' | 'error' | 'timeout'): Drafted[] => [
    ['tool.completed', { ...done, success, status }, answered],
  ]
  const decided = (decision: 'approved' | 'denied' | 'expired', more: object = {}): Drafted => [
    'tool.approval_resolved',
    { ...done, decision, ...more },
    answered,
  ]
  const drafts = (): Drafted[] => {
    if (stage === 'input') return [inputResolved(done, 'answered', answered)]
    if (how === 'expired') {
      const ended = outcome(false, 'timeout')
      return stage === 'asked' ? [decided('expired'), ...ended] : ended
    }
    if (stage === 'requested')
      return how === 'no' ? outcome(false, 'error') : outcome(true, 'success')
    if (how === 'no') return [decided('denied'), ...outcome(false, 'error')]
    return [decided('approved', how === 'edited' ? { arguments: { edited: true } } : {})]
  }
  write(log, within(held), drafts())
}

/**
 * Counts replies in the session's log: the deterministic model's next response depends only on it.
 */
const replied = (log: Log) => typed(log, 'reason.completed').length

/** Runs one action of a turn. Its only state is the log, so it is as crash-safe as the log. */
function perform(log: Log, held: Held, { action, world }: { action: TurnAction; world: World }) {
  if (action.kind === 'begin') {
    const about = { turn_id: held.id, input_message_id: held.input }
    write(log, within(held), [
      ['session.activated', about],
      ['turn.started', about],
    ])
  }
  if (action.kind === 'reason') reason(log, held, { action, world })
  if (action.kind === 'act') act(log, held, { action, world })
  if (action.kind === 'wait') answer(log, held, world.answers[answersIn(log)] ?? usual)
  if (action.kind === 'end') end(log, held, action.outcome)
}

type Step<K extends TurnAction['kind']> = { action: Extract<TurnAction, { kind: K }>; world: World }

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

/** Requests and stores a summary; after a crash it is requested again. */
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

/** Returns the tool of a call. */
export function toolOf({ replies }: World, callId: string): Tool {
  const [, reply, n] = callId.split('_').map(Number)
  return replies[reply!]!.tools[n!]!
}

function act(log: Log, held: Held, { action: { open, requested }, world }: Step<'act'>) {
  if (!open) return beginAct(log, held, { requested, world })
  const pending = open.calls.filter(({ outcome }) => !outcome)
  const at = (stage: OpenCall['stage']) => pending.filter((call) => call.stage === stage)
  const abandoned = pending.filter(({ isAbandoned }) => isAbandoned)
  const [approved, started] = [[...at('approved'), ...at('answered')], at('started')]
  const outcome = ({ call: { id } }: OpenCall, status: 'success' | 'error' | 'cancelled') => {
    const about = { tool_call_id: id, tool_name: 'tool', status }
    return ['tool.completed', { ...about, success: status === 'success' }] as Drafted
  }
  if (approved.length > 0) {
    const calls = approved.map(({ call }) => call)
    return write(log, within(held), beginnings(world, calls))
  }
  if (started[0]) {
    const { succeeds, questions } = toolOf(world, started[0].call.id)
    if (started[0].answers.length < questions) {
      const input = { questions: [], asked_at: expires_at, expires_at }
      const about = { tool_calls: [started[0].call], expires_at, input }
      return write(log, within(held), [['tool.call_requested', about]])
    }
    return write(log, within(held), [outcome(started[0], succeeds ? 'success' : 'error')])
  }
  if (abandoned.length > 0) {
    return write(
      log,
      within(held),
      abandoned.map((pending) =>
        pending.stage === 'input'
          ? inputResolved({ tool_call_id: pending.call.id, tool_name: 'tool' }, 'cancelled')
          : outcome(pending, 'cancelled'),
      ),
    )
  }
  assert.deepEqual(pending, [], 'a step ends when it has all its outcomes')
  const counts = { completed: true, success_count: 0, error_count: 0 }
  write(log, within(held), [['act.completed', counts]])
}

const expires_at = '2026-01-01T00:00:00.000Z'

function beginAct(
  log: Log,
  held: Held,
  { requested, world }: { requested: readonly ToolCall[]; world: World },
) {
  const asks = (call: ToolCall) => toolOf(world, call.id).asks
  write(log, within(held), [
    ['act.started', { tool_calls: requested.map(({ id, name }) => ({ id, name })) }],
    ...requested
      .filter(asks)
      .map((tool_call): Drafted => ['tool.approval_requested', { tool_call, expires_at }]),
    ...beginnings(
      world,
      requested.filter((call) => !asks(call)),
    ),
  ])
}

/** Returns the intents of calls that may begin. */
function beginnings(world: World, calls: readonly ToolCall[]): Drafted[] {
  const theirs = calls.filter(({ id }) => toolOf(world, id).isClients)
  const ours = calls.filter((call) => !theirs.includes(call))
  return [
    ...ours.map((tool_call): Drafted => ['tool.started', { tool_call }]),
    ...(theirs.length > 0
      ? [['tool.call_requested', { tool_calls: theirs, expires_at }] as Drafted]
      : []),
  ]
}

/** Ends a turn in one statement: the session becomes idle or begins the next turn. */
function end(log: Log, held: Held, outcome: TurnOutcome) {
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

/** Runs a session until it is idle, from any state of its log. `look` gets each action first. */
export function run(
  log: Log,
  world: World,
  look: (log: Log, held: Held, action: TurnAction) => void = () => {},
) {
  for (let steps = 0; steps < 400; steps += 1) {
    if (happens(log, world)) continue
    const held = heldBy(log)
    if (!held) return
    const overdue = log.length >= (world.overdueAt ?? Infinity)
    const action = next(stateOf(log, held), { iterationsMax: world.iterationsMax, overdue })
    look(log, held, action)
    perform(log, held, { action, world })
  }
  throw new Error('the session never came to rest')
}

/** Runs the events of the world that are due; false when there are none. */
function happens(log: Log, world: World): boolean {
  const held = heldBy(log)
  const arrivals = world.arrivals.toSorted((a, b) => a.at - b.at)
  const arrival = arrivals[typed(log, 'input.message').length - 1]
  if (arrival && (!held || arrival.at <= log.length)) {
    arrive(log, arrival.onBusy)
    return true
  }
  if (!held || stateOf(log, held).cancelledAt !== undefined) return false
  const wanted = world.cancels.filter((at) => at <= log.length).length
  if (typed(log, 'turn.cancelled').length < wanted) {
    write(log, within(held), [['turn.cancelled', { turn_id: held.id, reason: '' }]])
    return true
  }
  const due = world.answers[answersIn(log)]
  if (!due || due.at > log.length || outsideCalls(log, held).length === 0) return false
  answer(log, held, due)
  return true
}

export function start(world: World, look?: Parameters<typeof run>[2]): Log {
  const log = begun()
  run(log, world, look)
  return log
}

/** Returns every turn that the session ever had, in order. */
export function turnsOf(log: Log): Held[] {
  const found = new Map<string, Held>()
  for (const { held } of log) if (held) found.set(held.id, held)
  return [...found.values()]
}
