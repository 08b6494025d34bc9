import {
  type Approval,
  type Event,
  type EventType,
  type Outlast,
  OutlastError,
  type QuestionAnswers,
  type QuestionSet,
  type ToolCall,
} from '@outlast/sdk'

type EventReader<T extends EventType> = (event: Event<T>) => void

type Waiting = {
  call: ToolCall
  /** Absent: the call waits for an approval. */
  questions: QuestionSet | undefined
  sequence: number
  over: AbortController
  isAsked: boolean
}

export type Responder = {
  approve: (call: ToolCall, signal: AbortSignal) => Promise<Approval | undefined>
  answer: (asked: QuestionSet, signal: AbortSignal) => Promise<QuestionAnswers | undefined>
}

/** Minutes of retries: after a failed request the call would wait until it expires. */
const retryOptions = (signal: AbortSignal) => ({ signal, retriesMax: 30 })

/**
 * Asks about the calls of a session that wait for approval or for answers, one after the other.
 * Undefined leaves a call for later. A call that another client decided on is skipped.
 */
export function createConsents(
  { outlast, sessionId }: { outlast: Outlast; sessionId: string },
  { approve, answer, say }: Responder & { say: (error: unknown) => void },
) {
  const waiting = new Map<string, Waiting>()
  let last: Promise<unknown> = Promise.resolve()

  /** Whether it is undecided still: its request may be in the past, and others decide as well. */
  async function isOpen({ call, sequence, over }: Waiting): Promise<boolean> {
    const types = ['tool.approval_resolved', 'tool.input_resolved', 'tool.completed']
    const query = { types, after_sequence: sequence }
    for await (const { data } of outlast.events.list(sessionId, query, retryOptions(over.signal))) {
      if ('tool_call_id' in data && data.tool_call_id === call.id) return false
    }
    return true
  }

  /** Asks the user. Returns the request with the answer; undefined for later. */
  async function ask({ call, questions, over: { signal } }: Waiting) {
    if (questions) {
      const body = await answer(questions, signal)
      const named = { ...body, tool_call_id: call.id, asked_at: questions.asked_at }
      return (
        body && (() => outlast.sessions.answerQuestions(sessionId, named, retryOptions(signal)))
      )
    }
    const body = await approve(call, signal)
    return (
      body &&
      (() => outlast.sessions.decideToolCall(sessionId, call.id, body, retryOptions(signal)))
    )
  }

  async function settle(one: Waiting): Promise<void> {
    const { over } = one
    while (!over.signal.aborted && (await isOpen(one))) {
      const send = await ask(one)
      one.isAsked = false
      if (!send) return
      try {
        await send()
        return
      } catch (error) {
        if (!(error instanceof OutlastError)) throw error
        if (['approval_not_pending', 'question_not_waiting'].includes(error.code)) return
        say(error)
        if (error.status !== 400) return
      }
    }
  }

  function begin(one: Waiting): void {
    if (one.isAsked) return
    one.isAsked = true
    last = last
      .then(() => settle(one))
      .catch((error) => {
        if (!one.over.signal.aborted) say(error)
      })
      .finally(() => {
        one.isAsked = false
      })
  }

  function drop(id: string): void {
    waiting.get(id)?.over.abort()
    waiting.delete(id)
  }

  function end(): void {
    for (const id of [...waiting.keys()]) drop(id)
  }

  function request(call: ToolCall, sequence: number, questions?: QuestionSet): void {
    const one = { call, questions, sequence, over: new AbortController(), isAsked: false }
    waiting.set(call.id, one)
    begin(one)
  }

  const readers = readersOf({ request, drop, end })
  return {
    take(event: Event) {
      const read = readers[event.type] as EventReader<EventType> | 'ignored' | undefined
      if (typeof read === 'function') read(event)
    },
    /** Asks again about the calls that were left for later. Returns their number. */
    again(): number {
      for (const one of waiting.values()) begin(one)
      return waiting.size
    },
    end,
  }
}

type Readers = { [T in EventType]: EventReader<T> | 'ignored' }

type Reactions = {
  request: (call: ToolCall, sequence: number, questions?: QuestionSet) => void
  drop: (id: string) => void
  end: () => void
}

const readersOf = ({ request, drop, end }: Reactions): Readers => ({
  'input.message': 'ignored',
  'session.started': 'ignored',
  'session.activated': 'ignored',
  'turn.started': 'ignored',
  'mcp.unavailable': 'ignored',
  'capability.unavailable': 'ignored',
  'reason.started': 'ignored',
  'context.compacting': 'ignored',
  'context.compacted': 'ignored',
  'output.message.started': 'ignored',
  'reason.thinking.started': 'ignored',
  'reason.thinking.delta': 'ignored',
  'reason.thinking.completed': 'ignored',
  'output.message.delta': 'ignored',
  'tool.input.delta': 'ignored',
  'llm.generation': 'ignored',
  'output.message.completed': 'ignored',
  'reason.completed': 'ignored',
  'act.started': 'ignored',
  'tool.approval_requested': ({ data, sequence = 0 }) => request(data.tool_call, sequence),
  'tool.approval_resolved': ({ data }) => drop(data.tool_call_id),
  'tool.call_requested': ({ data, sequence = 0 }) => {
    const [call] = data.tool_calls
    if (data.input && call) request(call, sequence, data.input)
  },
  'tool.input_resolved': ({ data }) => drop(data.tool_call_id),
  'tool.started': 'ignored',
  'tool.completed': ({ data }) => drop(data.tool_call_id),
  'tool.progress': 'ignored',
  'act.completed': 'ignored',
  'files.changed': 'ignored',
  'budget.warning': 'ignored',
  'budget.exhausted': 'ignored',
  'budget.paused': 'ignored',
  'budget.resumed': 'ignored',
  'turn.completed': 'ignored',
  'turn.failed': 'ignored',
  'turn.cancelled': 'ignored',
  'session.idled': end,
  'feedback.given': 'ignored',
})
