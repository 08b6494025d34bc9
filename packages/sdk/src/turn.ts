import type {
  Approval,
  ApprovalResponse,
  Event,
  EventMessage,
  TokenUsage,
  ToolCall,
} from '@outlast/contract'
import type { ClientTool } from './client-tool.ts'
import { OutlastError, TurnFailedError } from './error.ts'
import { type Http, path } from './http.ts'
import { streamEvents } from './stream.ts'

/** What came of a message. */
export type Answer = {
  /** The text of the turn's last message; of a cancelled turn as far as it came. */
  text: string
  /** That message; undefined when the turn was cancelled before it said anything. */
  message: EventMessage | undefined
  turnId: string
  outcome: 'completed' | 'cancelled'
  /** Tokens of the turn. */
  usage: TokenUsage | undefined
}

/** What to do about calls of a turn that wait for this program. */
export type TurnOptions = {
  /** Stops following. The turn goes on; `cancel` ends it. */
  signal?: AbortSignal
  /** Tools that run here. Others that the agent may call are left to other clients. */
  tools?: readonly ClientTool[]
  /** Decides on calls that need approval; undefined leaves a call to somebody else. */
  onApproval?: (
    call: ToolCall & { expires_at: string },
    context: { signal: AbortSignal },
  ) => Approval | undefined | Promise<Approval | undefined>
}

/**
 * A turn under way. Awaited, it is its answer; iterated, its events from the message on. Both may be done, one after the
 * other: who stops iterating and awaits loses nothing.
 * Contract: fails with TurnFailedError when the turn does.
 */
export type Turn = PromiseLike<Answer> &
  AsyncIterable<Event> & {
    /** Ends the turn, or says that there is none. */
    cancel: () => Promise<void>
  }

/** Whose turn it is: of a message that was sent, or the one that is known. */
export type Following = {
  messageId?: string
  sequence: number
  queued?: boolean
  turnId?: string
  message?: EventMessage
  ended?: Event<'turn.completed' | 'turn.failed' | 'turn.cancelled'>
  isOver?: boolean
}

/**
 * What one more event says of the turn that answers a message. It is the turn that begins for it, or the running one when it
 * asks the model after the message came: that call has seen it.
 * Contract: pure. `isOver` stands with the last event of the turn, or with the first that is not of it any more.
 */
export function follow(state: Following, event: Event): Following {
  const isMine = event.context.turn_id === state.turnId
  switch (event.type) {
    case 'input.message':
      if (event.data.message.id !== state.messageId) return state
      return { ...state, queued: event.data.on_busy === 'queue' }
    case 'session.activated':
      if (state.ended) return { ...state, isOver: true }
      if (event.data.input_message_id !== state.messageId || state.turnId) return state
      return { ...state, turnId: event.data.turn_id }
    case 'output.message.started':
      if (state.turnId || state.queued) return state
      return { ...state, turnId: event.data.turn_id }
    case 'output.message.completed':
      return isMine ? { ...state, message: event.data.message } : state
    case 'turn.completed':
    case 'turn.failed':
    case 'turn.cancelled':
      return isMine ? { ...state, ended: event } : state
    case 'session.idled':
      return { ...state, isOver: true }
    default:
      return state
  }
}

/** The answer that a turn which is over gave. */
export function answerOf({ ended, message, turnId }: Following): Answer {
  if (!ended || !turnId) {
    throw new OutlastError('unanswered', 'The session is idle, and no turn answered the message.')
  }
  if (ended.type === 'turn.failed') {
    throw new TurnFailedError(turnId, ended.data.error_code ?? 'turn_failed', ended.data.error)
  }
  const outcome = ended.type === 'turn.completed' ? 'completed' : 'cancelled'
  return { text: textOf(message), message, turnId, outcome, usage: ended.data.usage }
}

/** The text of a message, its parts joined. */
export const textOf = (message: Pick<EventMessage, 'content'> | undefined) =>
  message?.content.map((part) => (part.type === 'text' ? part.text : '')).join('') ?? ''

/** `begin` says what is followed, and brings what of it is in the past. */
export function createTurn(
  http: Http,
  sessionId: string,
  { begin, options }: { begin: Promise<Beginning>; options: TurnOptions },
): Turn {
  let state: Following | undefined
  let since_id: string | undefined
  let past: readonly Event[] = []
  const begun = begin.then((beginning) => {
    state = beginning.following
    past = beginning.past
  })
  begun.catch(() => {})
  const calls = createCalls(http, sessionId, options)

  async function* iterate(): AsyncGenerator<Event, void, undefined> {
    await begun
    const stopping = new AbortController()
    const stop = () => stopping.abort(options.signal?.reason)
    options.signal?.throwIfAborted()
    options.signal?.addEventListener('abort', stop)
    calls.onError = (error) => stopping.abort(error)
    try {
      yield* take(past)
      past = []
      if (state!.isOver) return
      const after_sequence = since_id ? undefined : state!.sequence
      const signal = stopping.signal
      for await (const event of streamEvents(http, sessionId, {
        since_id,
        after_sequence,
        signal,
      })) {
        yield* take([event])
        if (state!.isOver) return
      }
    } finally {
      options.signal?.removeEventListener('abort', stop)
      if (state!.isOver) calls.end()
    }
  }

  function* take(events: readonly Event[]) {
    const isPast = events === past
    for (const event of events) {
      since_id = event.id
      const before = state!
      state = follow(before, event)
      if (state.isOver && event.type !== 'session.idled') return
      calls.take(event, state.turnId)
      if (!isPast) calls.start()
      yield event
      if (state.isOver) return
    }
    calls.start()
  }

  let answer: Promise<Answer> | undefined
  async function read() {
    for await (const _ of iterate()) {
      // Only its end counts.
    }
    return answerOf(state!)
  }

  return {
    // biome-ignore lint/suspicious/noThenProperty: a turn is awaited for its answer
    then: (resolve, reject) => {
      answer ??= read()
      return answer.then(resolve, reject)
    },
    [Symbol.asyncIterator]: iterate,
    cancel: () => http.call('POST', path`/v1/sessions/${sessionId}/cancel`),
  }
}

export type Beginning = { following: Following; past: readonly Event[] }

/** Calls that wait for this program: each is run, or decided on, once. */
function createCalls(http: Http, sessionId: string, { tools = [], onApproval }: TurnOptions) {
  const waiting = new Map<string, (signal: AbortSignal) => Promise<unknown>>()
  const running = new Map<string, AbortController>()

  async function answer(call: ToolCall, tool: ClientTool, signal: AbortSignal) {
    const outcome = await outcomeOf(tool, call, { toolCallId: call.id, sessionId, signal })
    const body = { tool_results: [{ tool_call_id: call.id, ...outcome }] }
    await http.call('POST', path`/v1/sessions/${sessionId}/tool-results`, { body })
  }

  async function decide(call: ToolCall & { expires_at: string }, signal: AbortSignal) {
    const body = await onApproval!(call, { signal })
    const at = path`/v1/sessions/${sessionId}/approvals/${call.id}`
    if (body) await http.call<ApprovalResponse>('POST', at, { body })
  }

  const self = {
    onError: (_error: unknown) => {},
    /** Remembers what an event asks for, and forgets what it answers. */
    take(event: Event, turnId: string | undefined) {
      if (event.context.turn_id !== turnId) return
      if (event.type === 'tool.call_requested') {
        for (const call of event.data.tool_calls) {
          const tool = tools.find(({ definition }) => definition.name === call.name)
          if (tool) waiting.set(call.id, (signal) => answer(call, tool, signal))
        }
      } else if (event.type === 'tool.approval_requested' && onApproval) {
        const call = { ...event.data.tool_call, expires_at: event.data.expires_at }
        waiting.set(call.id, (signal) => decide(call, signal))
      } else if (event.type === 'tool.completed' || event.type === 'tool.approval_resolved') {
        waiting.delete(event.data.tool_call_id)
        running.get(event.data.tool_call_id)?.abort()
        running.delete(event.data.tool_call_id)
      }
    },
    start() {
      for (const [id, work] of waiting) {
        const over = new AbortController()
        running.set(id, over)
        work(over.signal).catch((error) => {
          if (!over.signal.aborted && !isAnswered(error)) self.onError(error)
        })
      }
      waiting.clear()
    },
    end() {
      for (const over of running.values()) over.abort()
    },
  }
  return self
}

async function outcomeOf(
  tool: ClientTool,
  call: ToolCall,
  context: { toolCallId: string; sessionId: string; signal: AbortSignal },
): Promise<{ result: unknown } | { error: string }> {
  try {
    const result = (await tool.run(call.arguments as never, context)) ?? null
    JSON.stringify(result)
    return { result }
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) }
  }
}

/** Somebody else was faster, or nobody waits any more. */
const isAnswered = (error: unknown) =>
  error instanceof OutlastError &&
  (error.code === 'tool_call_not_waiting' || error.code === 'approval_not_pending')
