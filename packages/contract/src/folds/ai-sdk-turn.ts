import type { Event, EventDataOf, EventType } from '../events/event.ts'
import {
  type AiSdkVersion,
  isKnownTo,
  type Metadata,
  outputOf,
  type UIChunk,
} from './ai-sdk-chunks.ts'
import {
  endReply,
  type OpenReply,
  settleReply,
  startReply,
  streamInput,
  streamText,
  streamThinking,
} from './ai-sdk-reply.ts'

export type FoldOptions = {
  /** The turn to show: one that is known, the one that answers a message, or the next to begin. */
  target: { turnId: string } | { messageId: string } | { isNext: true }
  version: AiSdkVersion
  /** Tools are parts of the type `tool-<name>`, not `dynamic-tool`. Default: false. */
  typedTools?: boolean
  /** `sequence` up to which the client has the message. Default: 0. */
  shownUntil?: number
  /** `sequence` up to which waits for a person are over. Default: 0. */
  answeredUntil?: number
  /** Ids of calls that are answered, whose outcomes may be stored one after another. */
  answered?: readonly string[]
}

/** A tool call of the current reply. */
type Call = {
  name: string
  stage: 'pending' | 'running' | 'approval' | 'client' | 'input'
  isClients: boolean
  isDenied: boolean
  /** The arguments that the message shows, as JSON. */
  shown: string | undefined
  /** The questions of the call. */
  asked: object | undefined
}

/** State of a fold after the events so far. */
export type TurnFold = {
  options: FoldOptions
  turnId: string | undefined
  reply: OpenReply | undefined
  /** Calls without an outcome. */
  calls: ReadonlyMap<string, Call>
  /** Why the latest reply is cut; undefined if it is complete. */
  cut: EventDataOf<'output.message.completed'>['finish_reason']
  /** The turn waits for a budget. */
  isUnpaid: boolean
  /** `sequence` of the event with which the turn began to wait for input from outside. */
  parkedAt: number | undefined
  cancelled: string | undefined
  isOver: boolean
}

export type Folded = { fold: TurnFold; chunks: UIChunk[] }

export const beginTurnFold = (options: FoldOptions): TurnFold => ({
  options,
  turnId: 'turnId' in options.target ? options.target.turnId : undefined,
  reply: undefined,
  calls: new Map(),
  cut: undefined,
  isUnpaid: false,
  parkedAt: undefined,
  cancelled: undefined,
  isOver: false,
})

/**
 * Converts an event of a session, stored or live, to chunks of one message of the AI SDK: the turn
 * of the target. The message ends with the turn, or when the turn waits for a person or the client.
 * Contract: pure. Stored events alone give the same message as with their deltas.
 */
export function foldTurn(fold: TurnFold, event: Event): Folded {
  if (fold.isOver) return { fold, chunks: [] }
  const found = targeted(fold, event)
  const read = readers[event.type] as Reader<EventType> | 'ignored' | undefined
  const isOwn = found.turnId !== undefined && found.turnId === turnOf(event)
  const isRead = typeof read === 'function' && (isOwn || isEnd(event))
  const [next, chunks] = isRead ? read(found, event) : [found, []]
  const { options } = next
  const { sequence } = event
  const isShown = sequence === undefined || sequence > (options.shownUntil ?? 0)
  const shown = chunks.filter((chunk) => isShown || isAlways(chunk))
  const isKnown = (chunk: UIChunk) => isKnownTo(options.version, chunk)
  const { fold: ended, chunks: end } = endWaiting(next, sequence)
  return { fold: ended, chunks: [...shown, ...end].filter(isKnown) }
}

/** Ends the message if the turn waits for a person or the client. `sequence`: of the last event. */
export function endWaiting(fold: TurnFold, sequence: number | undefined): Folded {
  const parked = withPark(fold, sequence)
  const { parkedAt, options } = parked
  const ends = parkedAt !== undefined && (sequence ?? 0) > (options.answeredUntil ?? 0)
  if (!ends) return { fold: parked, chunks: [] }
  return { fold: { ...parked, isOver: true }, chunks: [endOfWait(parked)!] }
}

/** Chunks that a client needs also for events that it has. */
const isAlways = ({ type }: UIChunk) =>
  type === 'start' || type === 'finish' || type === 'error' || type === 'abort'

const turnOf = ({ context }: Event) => context.turn_id

/** Events that can end a message without being of its turn. */
const isEnd = ({ type }: Event) => type === 'session.idled' || type === 'session.activated'

/** The turn of a message is the one that begins, or ends unbegun, for it. */
function targeted(fold: TurnFold, { type, context }: Event): TurnFold {
  const { turnId, options } = fold
  const { turn_id, input_message_id } = context
  if (turnId !== undefined || turn_id === undefined) return fold
  const { target } = options
  const isTarget =
    'messageId' in target ? input_message_id === target.messageId : type === 'session.activated'
  return isTarget ? { ...fold, turnId: turn_id } : fold
}

type Step = readonly [TurnFold, UIChunk[]]
type Reader<T extends EventType> = (fold: TurnFold, event: Event<T>) => Step

const readers: { [T in EventType]: Reader<T> | 'ignored' } = {
  'input.message': 'ignored',
  'session.started': 'ignored',
  'session.activated': (fold, { data }) =>
    fold.cancelled !== undefined && data.turn_id !== fold.turnId ? settle(fold) : [fold, []],
  'turn.started': (fold, { data, ts }) => [
    fold,
    [
      {
        type: 'start',
        messageId: data.turn_id,
        messageMetadata: {
          turn_id: data.turn_id,
          created_at: ts,
          status: 'running',
          sequence: 0,
        },
      },
    ],
  ],
  'mcp.unavailable': 'ignored',
  'capability.unavailable': 'ignored',
  'reason.started': (fold) => [{ ...fold, reply: undefined }, [{ type: 'start-step' }]],
  'context.compacting': 'ignored',
  'context.compacted': 'ignored',
  'output.message.started': (fold, { data }) => withReply(fold, startReply(fold.reply, data)),
  'reason.thinking.started': 'ignored',
  'reason.thinking.delta': (fold, { data }) =>
    withReply(fold, streamThinking(fold.reply, data.delta)),
  'reason.thinking.completed': (fold, { data: { thinking: wholeThinking } }) =>
    fold.reply ? [{ ...fold, reply: { ...fold.reply, wholeThinking } }, []] : [fold, []],
  'output.message.delta': (fold, { data }) => withReply(fold, streamText(fold.reply, data.delta)),
  'tool.input.delta': (fold, { data }) => {
    const { tool_call_id: id, name, delta } = data
    const tool = { ...named(fold, name), toolCallId: id }
    return withReply(fold, streamInput(fold.reply, tool, delta))
  },
  'llm.generation': 'ignored',
  'output.message.completed': (fold, { data: { message, finish_reason: cut } }) => {
    const calls = message.content.flatMap((part) => (part.type === 'tool_call' ? [part] : []))
    const tools = calls.map(({ id, name }) => ({ ...named(fold, name), toolCallId: id }))
    const open = fold.reply ?? { ...startReply(undefined, {})[0]!, id: message.id }
    const chunks = endReply(open, message, tools, fold.options.version)
    return [{ ...fold, reply: undefined, cut, calls: newCalls(calls) }, chunks]
  },
  'reason.completed': (fold, { data }) => [
    fold,
    data.has_tool_calls ? [] : [{ type: 'finish-step' }],
  ],
  'act.started': (fold, { data }) => [{ ...fold, calls: newCalls(data.tool_calls) }, []],
  'tool.approval_requested': (fold, { data: { tool_call: call, expires_at } }) => {
    const [next, chunks] = show(fold, call, { stage: 'approval' })
    const { id } = call
    const wait = { type: 'approval', expires_at }
    const asked: UIChunk[] = [
      { type: 'tool-approval-request', approvalId: id, toolCallId: id },
      { type: 'data-outlast-wait', id, data: wait },
    ]
    return [next, [...chunks, ...asked]]
  },
  'tool.approval_resolved': (fold, { data }) => {
    const { tool_call_id: id, tool_name, decision, reason } = data
    const approved = decision === 'approved'
    const why = reason ?? (decision === 'expired' ? 'expired' : undefined)
    const about = { approvalId: id, approved, ...(why !== undefined && { reason: why }) }
    const next = withCall(fold, id, tool_name, { stage: 'pending', isDenied: !approved })
    const answer: UIChunk = { type: 'tool-approval-response', ...about }
    return [next, approved ? [answer] : [answer, { type: 'tool-output-denied', toolCallId: id }]]
  },
  'tool.call_requested': (fold, { data: { tool_calls, input, expires_at } }) => {
    const stage = input ? 'input' : 'client'
    let step: Step = [fold, []]
    const asked = input && { questions: input.questions, asked_at: input.asked_at, expires_at }
    for (const call of tool_calls) {
      const [next, chunks] = show(step[0], call, { stage, isClients: !input, asked })
      const about = question(next, call.id, { status: 'open' })
      step = [next, [...step[1], ...chunks, ...about]]
    }
    return step
  },
  'tool.input_resolved': (fold, { data }) => {
    const { tool_call_id: id, tool_name, status, answers } = data
    const next = withCall(fold, id, tool_name, { stage: 'pending' })
    return [next, question(next, id, { status, answers })]
  },
  'tool.started': (fold, { data }) => show(fold, data.tool_call, { stage: 'running' }),
  'tool.progress': (fold, { data }) => [
    fold,
    [{ type: 'data-outlast-progress', id: data.tool_call_id, data, transient: true }],
  ],
  'tool.completed': completeCall,
  'act.completed': (fold) => [{ ...fold, calls: new Map() }, [{ type: 'finish-step' }]],
  'files.changed': (fold, { id, data }) => [
    fold,
    [{ type: 'data-outlast-files', id, data: { changes: data.changes } }],
  ],
  'budget.warning': 'ignored',
  'budget.exhausted': (fold, event) =>
    event.data.is_final ? [fold, []] : awaitBudget(fold, event),
  'budget.paused': awaitBudget,
  'budget.resumed': (fold, { data }) => [
    { ...fold, isUnpaid: false },
    [{ type: 'data-outlast-wait', id: data.budget_id, data: { type: 'budget', over: true } }],
  ],
  'turn.completed': (fold, { data, sequence }) => {
    const { usage, output } = data
    const about: Metadata = {
      ...endOf('completed', sequence),
      ...(usage && { usage }),
      ...(output !== undefined && { output }),
    }
    const finishReason = fold.cut === 'content_filter' ? 'content-filter' : (fold.cut ?? 'stop')
    return over(fold, [{ type: 'finish', finishReason, messageMetadata: about }])
  },
  'turn.failed': (fold, { data, sequence }) => {
    const { error, error_code, usage } = data
    const about: Metadata = {
      ...endOf('failed', sequence),
      error,
      ...(error_code !== undefined && { error_code }),
      ...(usage && { usage }),
    }
    // A client stops reading at the error, so that its metadata comes before.
    return over(fold, [
      { type: 'message-metadata', messageMetadata: about },
      { type: 'error', errorText: error },
      { type: 'finish', finishReason: 'error', messageMetadata: about },
    ])
  },
  // Text that was streamed until then follows as `output.message.completed`.
  'turn.cancelled': (fold, { data, sequence }) => {
    const { reason = 'cancelled' } = data
    const messageMetadata = endOf('cancelled', sequence)
    return [{ ...fold, cancelled: reason }, [{ type: 'message-metadata', messageMetadata }]]
  },
  'session.idled': (fold) =>
    fold.cancelled !== undefined || fold.turnId === undefined ? settle(fold) : [fold, []],
  'feedback.given': 'ignored',
}

const endOf = (status: Metadata['status'] & string, sequence = 0): Metadata => ({
  status,
  sequence,
})

const withReply = (fold: TurnFold, [reply, chunks]: readonly [OpenReply | undefined, UIChunk[]]) =>
  [{ ...fold, reply }, chunks] as const

/** Discards a reply that was streamed in part and never stored, and ends calls that are open. */
function over(fold: TurnFold, chunks: UIChunk[]): Step {
  const end = {
    type: 'tool-output-error',
    errorText: 'The turn ended without an outcome.',
  } as const
  const ends = [...fold.calls].flatMap(([id, call]) => endsOfCall(fold, [id, call], end))
  const before = [...settleReply(fold.reply), ...ends]
  return [{ ...fold, reply: undefined, calls: new Map(), isOver: true }, [...before, ...chunks]]
}

/** Ends a message whose turn was cancelled, or never began. */
const settle = (fold: TurnFold): Step =>
  over(fold, [{ type: 'abort', reason: fold.cancelled ?? 'cancelled' }])

const newCall = (name: string): Call => ({
  name,
  stage: 'pending',
  isClients: false,
  isDenied: false,
  shown: undefined,
  asked: undefined,
})

const newCalls = (calls: readonly { id: string; name: string }[]) =>
  new Map(calls.map(({ id, name }) => [id, newCall(name)]))

function withCall(fold: TurnFold, id: string, name: string, change: Partial<Call>): TurnFold {
  const call = { ...(fold.calls.get(id) ?? newCall(name)), ...change }
  return { ...fold, calls: new Map(fold.calls).set(id, call) }
}

const named = ({ options: { typedTools } }: TurnFold, toolName: string) => ({
  toolName,
  ...(!typedTools && { dynamic: true }),
})

const executed = (isClients: boolean) => (isClients ? {} : { providerExecuted: true })

type StartedCall = EventDataOf<'tool.started'>['tool_call']

/** Shows a call with its arguments, which an approval may have changed. */
function show(
  fold: TurnFold,
  { id, name, arguments: input }: StartedCall,
  change: Partial<Call>,
): Step {
  const shown = JSON.stringify(input)
  const next = withCall(fold, id, name, { ...change, shown })
  const { isClients } = next.calls.get(id)!
  const before = fold.calls.get(id)
  if (before?.shown === shown && before.isClients === isClients) return [next, []]
  const tool = { ...named(fold, name), toolCallId: id, ...executed(isClients) }
  return [next, [{ type: 'tool-input-available', ...tool, input }]]
}

/** The questions of a call, as a part that is replaced when they are answered. */
function question({ calls }: TurnFold, id: string, state: object): UIChunk[] {
  const { asked } = calls.get(id)!
  return asked ? [{ type: 'data-outlast-question', id, data: { ...asked, ...state } }] : []
}

function completeCall(fold: TurnFold, { data }: Event<'tool.completed'>): Step {
  const { tool_call_id: id, tool_name, success, status, result, error } = data
  const call = fold.calls.get(id) ?? newCall(tool_name)
  const calls = new Map(fold.calls)
  calls.delete(id)
  const end = success
    ? ({ type: 'tool-output-available', output: outputOf(result ?? []) } as const)
    : ({ type: 'tool-output-error', errorText: error ?? status } as const)
  return [{ ...fold, calls }, endsOfCall(fold, [id, call], end)]
}

type CallEnd =
  | { type: 'tool-output-available'; output: unknown }
  | { type: 'tool-output-error'; errorText: string }

function endsOfCall(fold: TurnFold, [id, call]: readonly [string, Call], end: CallEnd): UIChunk[] {
  if (call.isDenied) return []
  const about = { toolCallId: id, ...executed(call.isClients) }
  const answer = call.stage === 'input' ? question(fold, id, { status: 'closed' }) : []
  // A call that was never shown, such as one whose turn was cancelled before it began.
  const tool = { ...named(fold, call.name), ...about }
  const first: UIChunk[] =
    call.shown === undefined ? [{ type: 'tool-input-available', ...tool, input: {} }] : []
  return [...first, ...answer, { ...end, ...about }]
}

function awaitBudget(fold: TurnFold, event: Event<'budget.exhausted' | 'budget.paused'>): Step {
  // Tokens with the `chat` view see no amounts.
  const { budget_id, currency, balance, message }: Partial<typeof event.data> = event.data
  const amounts = currency === undefined ? {} : { currency, balance }
  const data = { type: 'budget', over: false, ...amounts, ...(message && { message }) }
  const chunk: UIChunk = { type: 'data-outlast-wait', id: budget_id!, data }
  return [{ ...fold, isUnpaid: true }, [chunk]]
}

/** Notes with which event the turn began to wait for input from outside. */
function withPark(fold: TurnFold, sequence: number | undefined): TurnFold {
  if (sequence === undefined) return fold
  const parkedAt = isParked(fold) ? (fold.parkedAt ?? sequence) : undefined
  return parkedAt === fold.parkedAt ? fold : { ...fold, parkedAt }
}

function isParked({ calls, isUnpaid, isOver, cancelled, options }: TurnFold): boolean {
  if (isOver || cancelled !== undefined) return false
  const isWaiting = ([id, { stage }]: [string, Call]) =>
    stage !== 'pending' && stage !== 'running' && !options.answered?.includes(id)
  return isUnpaid || (calls.size > 0 && [...calls].every(isWaiting))
}

/** The end of a message whose turn waits; undefined if it does not. */
export function endOfWait({ parkedAt, isUnpaid }: TurnFold): UIChunk | undefined {
  if (parkedAt === undefined) return undefined
  const messageMetadata = endOf('waiting', parkedAt)
  return { type: 'finish', finishReason: isUnpaid ? 'other' : 'tool-calls', messageMetadata }
}

export type OpenCall = { id: string; stage: Call['stage'] }

/** The calls of the turn without an outcome. */
export const openCallsOf = ({ calls }: TurnFold): OpenCall[] =>
  [...calls].map(([id, { stage }]) => ({ id, stage }))
