import type { Event, EventType, Session } from '@outlast/contract'
import type { Outlast } from '@outlast/sdk'

export type UntilOptions = {
  /** Default: 10,000. */
  timeoutMs?: number
  /** Only events after this one. Default: from the start of the session. */
  after?: Pick<Event, 'sequence'>
}

type Wanted = EventType | ((event: Event) => boolean)

/** The event of a type; any event for a predicate. */
export type EventOf<What> = What extends EventType ? Event<What> : Event

const timeoutMsDefault = 10_000
const deltas: EventType[] = ['output.message.delta', 'reason.thinking.delta', 'tool.input.delta']

/**
 * Waits for a stored event of a session, also while the server is down.
 * Contract: rejects after `timeoutMs` with the types of the events so far, and at once when
 * `problem` has an answer.
 */
export async function untilEvent<const What extends Wanted>(
  client: Outlast,
  session: string | Pick<Session, 'id'>,
  { what, problem, ...options }: UntilOptions & { what: What; problem: () => string | undefined },
): Promise<EventOf<What>> {
  const { timeoutMs = timeoutMsDefault, after } = options
  const ending = new AbortController()
  const timer = setTimeout(() => ending.abort(), timeoutMs)
  const look = setInterval(() => problem() && ending.abort(), 50)
  const seen: Event[] = []
  const isWanted = (event: Event) =>
    typeof what === 'function' ? what(event) : event.type === what
  try {
    const from = after?.sequence === undefined ? {} : { after_sequence: after.sequence }
    const query = { ...from, exclude: deltas, signal: ending.signal }
    for await (const event of client.session(session).events(query)) {
      if (isWanted(event)) return event as EventOf<What>
      seen.push(event)
    }
  } catch (error) {
    if (!ending.signal.aborted) throw error
  } finally {
    clearTimeout(timer)
    clearInterval(look)
  }
  const sought = typeof what === 'function' ? 'No event matched' : `There was no ${what}`
  const cause = problem() ?? `${sought} within ${timeoutMs} ms.`
  throw new Error(`${cause} Events so far: ${listOfEvents(seen) || 'none'}.`)
}

/** The types in order, with the errors of failures, and repeats counted. */
function listOfEvents(events: readonly Event[]): string {
  const names = events.map(nameOf)
  const counted: { name: string; count: number }[] = []
  for (const name of names) {
    const last = counted.at(-1)
    if (last?.name === name) last.count += 1
    else counted.push({ name, count: 1 })
  }
  return counted.map(({ name, count }) => (count === 1 ? name : `${name} × ${count}`)).join(', ')
}

function nameOf({ type, data }: Event): string {
  if (type === 'turn.failed') return `${type} (${data.error_code ?? ''}: ${data.error})`
  if (type !== 'tool.completed' || data.success) return type
  return `${type} (${data.tool_name}: ${data.error ?? data.status})`
}
