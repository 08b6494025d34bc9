import type { CancelTurnResponse, Event, Resume } from '@outlast/contract'
import { linked } from '../http/abort.ts'
import { OutlastError } from '../http/error.ts'
import { type Http, path } from '../http/http.ts'
import { type StreamOptions, streamEvents } from '../http/stream.ts'
import { type CallHandlers, createCalls } from './calls.ts'
import { cancelTurn } from './cancel.ts'
import { type Answer, answerOf, type Following, follow, isAnswered } from './follow.ts'
import { type OutputSchema, parsedAnswer } from './output.ts'

/** Handlers of a turn's calls that wait for this program. */
export type TurnOptions = CallHandlers & {
  /** Stops following the turn, and tools that run here. The turn continues; `cancel` ends it. */
  signal?: AbortSignal
}

/**
 * A turn. Awaited, it returns its answer; iterated, it yields the message and the events of the
 * turn that answers it. Both can be done repeatedly, in any order and at the same time. Each
 * iteration begins with the message.
 * Contract: it follows no events and runs no tools before that. It rejects with a TurnFailedError
 * if the turn fails, and with the code `history_changed` if the server lost the message. If the
 * server lost only later events of the turn, their replacements follow.
 */
export type Turn<Output = unknown> = Pick<Promise<Answer<Output>>, 'then' | 'catch' | 'finally'> &
  AsyncIterable<Event> & {
    /**
     * Cancels the turn. The status is `no_op` if it does not run. Until an event told which turn
     * answers the message, it cancels the turn that the session runs.
     */
    cancel: () => Promise<CancelTurnResponse>
    /**
     * Returns the calls that an iterated event requests and this program handles, by id. A promise
     * resolves to `false` if the handler leaves its call to another client.
     */
    handledCalls: (event: Event) => ReadonlyMap<string, Promise<boolean>>
  }

type Visited = { event: Event; state: Following }

type Begun = {
  begin: Promise<Following>
  options: TurnOptions
  /** Validates the output of the answer. */
  output?: OutputSchema | undefined
}

/** Creates a turn. `begin` resolves to the turn to follow. */
export function createTurn(http: Http, sessionId: string, { begin, options, output }: Begun): Turn {
  const failing = new AbortController()
  const onError = (error: unknown = new Error('A handler failed.')) => failing.abort(error)
  const newCalls = () => createCalls(http, sessionId, { ...options, onError })
  let calls = newCalls()
  let last: Following | undefined
  /** The id of the turn, once an event has it. */
  let known: string | undefined
  let answer: Promise<Answer> | undefined
  // An await or an iteration reports the failure. Before that it must not be unhandled.
  begin.catch(() => {})

  async function* walk(query: StreamOptions): AsyncGenerator<Visited, void, undefined> {
    const first = await begin
    /** `sequence` of the last event that was yielded before the server lost events. */
    let yielded = first.sequence
    for (;;) {
      const lost = yield* walkOnce(query, { first, yielded })
      if (lost === undefined) return
      // Calls of lost events can be requested again, as after a restart of this program.
      calls.end()
      calls = newCalls()
      yielded = lost
    }
  }

  /** Returns the sequence of the last remaining event if the server lost events of the turn. */
  async function* walkOnce(
    query: StreamOptions,
    { first, yielded }: { first: Following; yielded: number },
  ): AsyncGenerator<Visited, number | undefined, undefined> {
    let state = first
    let left: number | undefined
    let at = first.sequence
    const { controller, signal, unlink } = linked(options.signal, failing.signal, query.signal)
    const onHistoryChanged = ({ sequence }: Resume) => {
      left = sequence
      controller.abort(sequence > first.sequence ? undefined : lostError())
    }
    const lost = () => controller.abort(lostError())
    const watch = watchMessage(http, sessionId, { first, lost })
    try {
      const from = { ...query, after_sequence: first.sequence, signal, onHistoryChanged }
      for await (const event of streamEvents(http, sessionId, from)) {
        watch.end()
        at = event.sequence ?? at
        state = follow(state, event)
        known = state.turnId
        if (isAnswered(state)) {
          last = state
          calls.end()
        }
        const isNext = state.isOver && event.type !== 'session.idled'
        if (!isNext && isOf(state, event)) {
          calls.take(event)
          if (at > yielded) yield { event, state }
        }
        if (state.isOver) return undefined
      }
      return undefined
    } catch (error) {
      if (query.signal?.aborted) return undefined
      if (left === undefined || left <= first.sequence) throw error
      return left
    } finally {
      watch.end()
      unlink()
    }
  }

  async function read(): Promise<Answer> {
    if (!last) for await (const { state } of walk(storedOnly)) if (isAnswered(state)) break
    return parsedAnswer(answerOf(last!), output)
  }

  return {
    ...awaitedAs(() => {
      answer ??= read()
      return answer
    }),
    [Symbol.asyncIterator]: () => endable((signal) => eventsIn(walk({ signal }))),
    handledCalls: (event) => calls.handled(event),
    cancel: async () => cancelTurn(http, sessionId, { turnId: known ?? (await begin).turnId }),
  }
}

async function* eventsIn(visits: AsyncIterable<Visited>): AsyncGenerator<Event, void, undefined> {
  for await (const { event } of visits) yield event
}

/** Starts an iteration whose `return` also ends a pending `next`, which would wait for an event. */
function endable<T>(iterate: (signal: AbortSignal) => AsyncGenerator<T, void, undefined>) {
  const ending = new AbortController()
  const items = iterate(ending.signal)
  const end = items.return.bind(items)
  items.return = (value) => {
    ending.abort()
    return end(value)
  }
  return items
}

const awaitedAs = (answer: () => Promise<Answer>): Pick<Turn, 'then' | 'catch' | 'finally'> => ({
  // biome-ignore lint/suspicious/noThenProperty: a turn is awaited for its answer
  then: (resolve, reject) => answer().then(resolve, reject),
  catch: (reject) => answer().catch(reject),
  finally: (work) => answer().finally(work),
})

/** Interval of checks for a message that has not arrived. A stored message arrives at once. */
const lookMs = 2_000

/** Checks for a sent message while its stream is silent: no stream reports a lost message. */
function watchMessage(
  http: Http,
  sessionId: string,
  { first: { of, sequence }, lost }: { first: Following; lost: () => void },
) {
  const query = { after_sequence: sequence, limit: 1 }
  const at = path`/v1/sessions/${sessionId}/events`
  async function look() {
    const { data } = await http.call<{ data: Event[] }>('GET', at, { query }, { retriesMax: 0 })
    const [event] = data
    const isThere = event?.type === 'input.message' && isOf({ of, sequence }, event)
    if (!isThere && timer !== undefined) lost()
  }
  let timer: ReturnType<typeof setInterval> | undefined
  // After a failed request, the next interval checks again.
  if (typeof of === 'object') timer = setInterval(() => void look().catch(() => {}), lookMs)
  return {
    end() {
      clearInterval(timer)
      timer = undefined
    },
  }
}

const lostError = () =>
  new OutlastError(
    'history_changed',
    'The server lost the message that began this turn. Send it again.',
  )

const storedOnly: StreamOptions = {
  exclude: ['output.message.delta', 'reason.thinking.delta', 'tool.input.delta'],
}

/** Tests whether an event is the answered message or belongs to its turn. */
const isOf = ({ of, turnId }: Following, { type, context, data }: Event) =>
  type === 'input.message'
    ? typeof of === 'object' && data.message.id === of.messageId
    : turnId !== undefined && context.turn_id === turnId
