import type { EventContext, EventDataOf, EventType, ToolCall } from '@outlast/contract'

/** A stored event with the data that steps are derived from. */
export type StepEvent<T extends EventType = EventType> = {
  [K in T]: {
    type: K
    ts: string
    context: EventContext
    data: K extends 'llm.generation' ? Pick<EventDataOf<K>, 'metadata'> : EventDataOf<K>
    sequence?: number
  }
}[T]

/**
 * One attempt of a step. `broke`: why the step began again, on the same or another node.
 * `question`: the tool waited for answers.
 */
export type StepAttempt<T extends EventType = EventType> = {
  began: StepEvent<T>
  broke: 'retry' | 'takeover' | 'question' | undefined
  /** Error code of the attempt. */
  code: string | undefined
}

type StepOf<Kind extends string, Began extends EventType, Ended extends EventType> = {
  kind: Kind
  /** At least one, in order. */
  attempts: StepAttempt<Began>[]
  /** Undefined for an open step. A step that is open at the end of its turn stays open. */
  ended: StepEvent<Ended> | undefined
}

/**
 * A part of a turn that takes time. `queue`: from the message until a node begins the turn. `tool`
 * runs on the server, `client_tool` on the client. `question` waits for a person, `budget` until a
 * budget has more.
 */
export type TurnStep =
  | StepOf<'queue', 'input.message', 'turn.started'>
  | (StepOf<'model', 'output.message.started', 'llm.generation'> & { model: string | undefined })
  | (StepOf<'summary', 'context.compacting', 'context.compacted'> & { model: string | undefined })
  | (StepOf<'tool', 'tool.started', 'tool.completed'> & { call: ToolCall })
  | (StepOf<'client_tool', 'tool.call_requested', 'tool.completed'> & { call: ToolCall })
  | (StepOf<'question', 'tool.call_requested', 'tool.input_resolved' | 'tool.completed'> & {
      call: ToolCall
    })
  | StepOf<'budget', 'budget.exhausted' | 'budget.paused', 'budget.resumed'>
  | (StepOf<'approval', 'tool.approval_requested', 'tool.approval_resolved'> & { call: ToolCall })

type Step<Kind extends TurnStep['kind']> = Extract<TurnStep, { kind: Kind }>

/**
 * The SHA-256 of this text, in hexadecimal digits, is the idempotency key of a tool call.
 * `startedAt` is the sequence of its first `tool.started`. Contract: never changes, because a call
 * that began on an earlier version keeps its key.
 */
export const toolKeyText = (sessionId: string, turnId: string, startedAt: number) =>
  `${sessionId} ${turnId} ${startedAt}`

export type TurnSteps = {
  turnId: string
  /** The message that the turn answers, if it is among the events. */
  input: StepEvent<'input.message'> | undefined
  first: StepEvent
  last: StepEvent
  ended: StepEvent<'turn.completed' | 'turn.failed' | 'turn.cancelled'> | undefined
  modelCalls: number
  /** Steps in the order of their starts. */
  steps: TurnStep[]
}

/** `open`: open steps by the key of their end. `model`: that of the latest `reason.started`. */
type Building = TurnSteps & { open: Map<string, TurnStep>; model: string | undefined }

/**
 * Derives the steps of each turn in a log, in order.
 * Contract: pure, and accepts any part of a log. Steps that began before it are missing, and steps
 * that end after it are open.
 */
export function turnStepsOf(events: readonly StepEvent[]): TurnSteps[] {
  const turns = new Map<string, Building>()
  const inputs = new Map<string, StepEvent<'input.message'>>()
  const taken = new Set<TurnSteps['input']>()
  for (const event of events) {
    if (event.type === 'input.message') inputs.set(event.data.message.id, event)
    const { turn_id: id, input_message_id: inputId } = event.context
    if (id === undefined) continue
    const turn = turns.get(id) ?? newTurn(taken, event, inputs.get(inputId ?? ''))
    turns.set(id, turn)
    turn.last = event
    const read = readers[event.type] as Reader<EventType> | 'ignored' | undefined
    if (typeof read === 'function') read(turn, event)
  }
  return [...turns.values()]
}

/** `taken`: messages that turns have taken from the queue. A retry answers one of them again. */
function newTurn(
  taken: Set<TurnSteps['input']>,
  first: StepEvent,
  input: TurnSteps['input'],
): Building {
  const turnId = first.context.turn_id!
  const about = { turnId, input, first, last: first, ended: undefined, modelCalls: 0, steps: [] }
  const turn: Building = { ...about, open: new Map(), model: undefined }
  if (input && !taken.has(input)) begin(turn, 'queue', input, { kind: 'queue' })
  taken.add(input)
  return turn
}

/** Begins a step, or a new attempt of the step that is open under the same key. */
function begin(
  { steps, open }: Building,
  key: string,
  began: StepEvent,
  step: { kind: TurnStep['kind']; model?: string | undefined; call?: ToolCall },
): void {
  const attempt = { began, broke: undefined, code: undefined }
  const known = open.get(key) as { attempts: StepAttempt[] } | undefined
  if (known) {
    // A tool only runs again after answers, or a takeover by another node.
    known.attempts.at(-1)!.broke ??= step.kind === 'tool' ? 'takeover' : 'retry'
    known.attempts.push(attempt)
    return
  }
  const begun = { ...step, attempts: [attempt], ended: undefined } as TurnStep
  steps.push(begun)
  open.set(key, begun)
}

function end({ open }: Building, key: string, ended: StepEvent): TurnStep | undefined {
  const step = open.get(key)
  open.delete(key)
  return step && Object.assign(step, { ended })
}

const modelIn = ({ context }: StepEvent) => `model ${context.parent_span_id}`
const summaryIn = ({ context }: StepEvent) => `summary ${context.parent_span_id}`
const toolOf = (id: string) => `tool ${id}`
const approvalOf = (id: string) => `approval ${id}`
const questionOf = (id: string) => `question ${id}`

type Reader<T extends EventType> = (turn: Building, event: StepEvent<T>) => unknown

const readEnd: Reader<'turn.completed' | 'turn.failed' | 'turn.cancelled'> = (turn, event) => {
  turn.ended = event
}

const readers: { [T in EventType]: Reader<T> | 'ignored' } = {
  'input.message': 'ignored',
  'session.started': 'ignored',
  'session.activated': 'ignored',
  'turn.started': (turn, event) => end(turn, 'queue', event),
  'mcp.unavailable': 'ignored',
  'capability.unavailable': 'ignored',
  'reason.started': (turn, { data }) => {
    turn.modelCalls += 1
    turn.model = data.metadata?.model
  },
  'context.compacting': (turn, event) =>
    begin(turn, summaryIn(event), event, { kind: 'summary', model: turn.model }),
  'context.compacted': (turn, event) => end(turn, summaryIn(event), event),
  'output.message.started': (turn, event) =>
    begin(turn, modelIn(event), event, { kind: 'model', model: event.data.model }),
  'reason.thinking.started': 'ignored',
  'reason.thinking.delta': 'ignored',
  'reason.thinking.completed': 'ignored',
  'output.message.delta': 'ignored',
  'tool.input.delta': 'ignored',
  'llm.generation': (turn, event) => {
    const step = end(turn, modelIn(event), event)
    if (step?.kind === 'model') explainBroken(step, event)
  },
  'output.message.completed': 'ignored',
  'reason.completed': 'ignored',
  'act.started': 'ignored',
  'tool.approval_requested': (turn, event) => {
    const { tool_call: call } = event.data
    begin(turn, approvalOf(call.id), event, { kind: 'approval', call })
  },
  'tool.approval_resolved': (turn, event) => end(turn, approvalOf(event.data.tool_call_id), event),
  'tool.call_requested': (turn, event) => {
    for (const call of event.data.tool_calls) {
      if (event.data.input) ask(turn, event, call)
      else begin(turn, toolOf(call.id), event, { kind: 'client_tool', call })
    }
  },
  'tool.input_resolved': (turn, event) => end(turn, questionOf(event.data.tool_call_id), event),
  'tool.started': (turn, event) => {
    const { tool_call: call } = event.data
    begin(turn, toolOf(call.id), event, { kind: 'tool', call })
  },
  'tool.completed': (turn, event) => {
    end(turn, questionOf(event.data.tool_call_id), event)
    end(turn, toolOf(event.data.tool_call_id), event)
  },
  'tool.progress': 'ignored',
  'act.completed': 'ignored',
  'files.changed': 'ignored',
  'budget.warning': 'ignored',
  'budget.exhausted': (turn, event) => {
    if (!event.data.is_final) begin(turn, 'budget', event, { kind: 'budget' })
  },
  'budget.paused': (turn, event) => begin(turn, 'budget', event, { kind: 'budget' }),
  'budget.resumed': (turn, event) => end(turn, 'budget', event),
  'turn.completed': readEnd,
  'turn.failed': readEnd,
  'turn.cancelled': readEnd,
  'session.idled': 'ignored',
  'feedback.given': 'ignored',
}

/** Begins to wait for answers. A tool that asks ends its attempt. */
function ask(turn: Building, event: StepEvent<'tool.call_requested'>, call: ToolCall): void {
  const running = turn.open.get(toolOf(call.id)) as { attempts: StepAttempt[] } | undefined
  if (running) running.attempts.at(-1)!.broke = 'question'
  begin(turn, questionOf(call.id), event, { kind: 'question', call })
}

/** The replying node reports its own retries; an attempt before them ended with another node. */
function explainBroken({ attempts }: Step<'model'>, { data }: StepEvent<'llm.generation'>): void {
  const { retry } = data.metadata
  const broken = attempts.slice(0, -1)
  const codes = retry?.error_codes ?? []
  for (const [at, code] of codes.entries()) {
    const attempt = broken.at(at - codes.length)
    if (attempt) attempt.code = code
  }
  const left = broken.at(-1 - (retry?.attempts ?? 0))
  if (left) left.broke = 'takeover'
}
