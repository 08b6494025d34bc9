import type { CancelTurnResponse, Event } from '@outlast/contract'
import { linked } from './abort.ts'
import { type CallHandlers, createCalls } from './calls.ts'
import { type Answer, answerOf, type Following, follow, isAnswered } from './follow.ts'
import { type Http, path } from './http.ts'
import { type StreamOptions, streamEvents } from './stream.ts'

/** What to do about calls of a turn that wait for this program. */
export type TurnOptions = CallHandlers & {
  /** Stops following, and tools that run here. The turn goes on; `cancel` ends it. */
  signal?: AbortSignal
}

/**
 * A turn under way. Awaited, it is its answer; iterated, the message and the events of the turn that answers it. Both may be
 * done, as often and in whatever order, also at once: each iteration begins with the message.
 * Contract: nothing is followed and no tool runs before one of both is done. Fails with TurnFailedError when the turn does.
 */
export type Turn = Pick<Promise<Answer>, 'then' | 'catch' | 'finally'> &
  AsyncIterable<Event> & {
    /** Ends whatever turn the session runs, or says that there is none. */
    cancel: () => Promise<CancelTurnResponse>
  }

type Visited = { event: Event; state: Following }

/** `begin` says what is followed. */
export function createTurn(
  http: Http,
  sessionId: string,
  { begin, options }: { begin: Promise<Following>; options: TurnOptions },
): Turn {
  const failing = new AbortController()
  const calls = createCalls(http, sessionId, {
    ...options,
    onError: (error) => failing.abort(error),
  })
  let last: Following | undefined
  let answer: Promise<Answer> | undefined
  // Whoever awaits or iterates is told; until somebody does, it is nobody's failure.
  begin.catch(() => {})

  async function* walk(query: StreamOptions): AsyncGenerator<Visited, void, undefined> {
    let state = await begin
    const { sequence: after_sequence } = state
    const { signal, unlink } = linked(options.signal, failing.signal)
    try {
      const events = streamEvents(http, sessionId, { ...query, after_sequence, signal })
      for await (const event of events) {
        state = follow(state, event)
        if (isAnswered(state)) {
          last = state
          calls.end()
        }
        const isNext = state.isOver && event.type !== 'session.idled'
        if (!isNext && isOf(state, event)) {
          calls.take(event)
          yield { event, state }
        }
        if (state.isOver) return
      }
    } finally {
      unlink()
    }
  }

  async function* iterate(): AsyncGenerator<Event, void, undefined> {
    for await (const { event } of walk({})) yield event
  }

  async function read(): Promise<Answer> {
    if (!last) {
      for await (const { state } of walk({ exclude: liveTypes })) if (isAnswered(state)) break
    }
    return answerOf(last!)
  }

  const awaited = () => {
    answer ??= read()
    return answer
  }
  return {
    // biome-ignore lint/suspicious/noThenProperty: a turn is awaited for its answer
    then: (resolve, reject) => awaited().then(resolve, reject),
    catch: (reject) => awaited().catch(reject),
    finally: (work) => awaited().finally(work),
    [Symbol.asyncIterator]: iterate,
    cancel: async () => {
      await begin
      return http.call('POST', path`/v1/sessions/${sessionId}/cancel`)
    },
  }
}

const liveTypes = ['output.message.delta', 'reason.thinking.delta'] as const

/** The message that is answered, and everything of the turn. Of other turns and messages the session tells. */
const isOf = ({ of, turnId }: Following, { type, context, data }: Event) =>
  type === 'input.message'
    ? typeof of === 'object' && data.message.id === of.messageId
    : turnId !== undefined && context.turn_id === turnId
