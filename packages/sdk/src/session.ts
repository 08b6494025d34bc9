import type { Event, EventType, Message, NewMessage } from '@outlast/contract'
import { OutlastError } from './error.ts'
import type { Following } from './follow.ts'
import { type CallOptions, type Http, path } from './http.ts'
import { type StreamOptions, streamEvents } from './stream.ts'
import { createTurn, type Turn, type TurnOptions } from './turn.ts'

/** What a message says beside its text. */
export type SendOptions = TurnOptions &
  Pick<NewMessage, 'on_busy' | 'controls' | 'metadata' | 'tags'> &
  Pick<CallOptions, 'idempotencyKey'>

/** One session, as the program that talks in it sees it. */
export type SessionHandle = ReturnType<typeof sessionOf>

type Content = NewMessage['message']['content']

export function sessionOf(http: Http, id: string) {
  async function post(content: string | Content, options: SendOptions): Promise<Following> {
    const { on_busy, controls, metadata, tags, signal, idempotencyKey } = options
    const parts = typeof content === 'string' ? [{ type: 'text' as const, text: content }] : content
    const message = { role: 'user' as const, content: parts }
    const body: NewMessage = { message, on_busy, controls, metadata, tags }
    const about = { ...(signal && { signal }), ...(idempotencyKey && { idempotencyKey }) }
    const at = path`/v1/sessions/${id}/messages`
    const stored = await http.call<Message>('POST', at, { body }, about)
    return { of: { messageId: stored.id }, sequence: stored.sequence - 1 }
  }

  return {
    id,
    /**
     * Sends a message. What comes back is the turn that answers it: `await` it for the answer, or
     * iterate it for the events. While a turn runs the message joins it, unless `on_busy` says
     * otherwise.
     */
    send: (content: string | Content, options: SendOptions = {}): Turn =>
      createTurn(http, id, { begin: post(content, options), options }),
    /**
     * Takes the latest turn up again, running or over, after this program was restarted: calls that
     * still wait for it are answered, those that have their outcome are not run again.
     * Contract: the turn fails with the code `no_turn` in a session that never had one.
     */
    resume: (options: TurnOptions = {}): Turn =>
      createTurn(http, id, { begin: latestTurn(http, id, options), options }),
    /** Every event, stored ones first, then live, across lost connections: see `streamEvents`. */
    events: (options?: StreamOptions) => streamEvents(http, id, options),
  }
}

/** What tells where the latest turn stands. */
const landmarks: EventType[] = [
  'input.message',
  'session.activated',
  'session.idled',
  'turn.completed',
  'turn.failed',
]
/** Events before the end that are searched first; then sixteen times as many, and so on. */
const firstSpan = 256

/** The latest turn, which may be about to begin. Searched from the end: a session may be long. */
async function latestTurn(
  http: Http,
  sessionId: string,
  { signal }: TurnOptions,
): Promise<Following> {
  const list = (query: { after_sequence: number; types?: string[]; limit?: number }) =>
    http.call<{ data: Event[]; total: number }>(
      'GET',
      path`/v1/sessions/${sessionId}/events`,
      { query },
      signal && { signal },
    )
  const { total } = await list({ after_sequence: 0, limit: 1 })
  for (let span = firstSpan; ; span *= 16) {
    const after_sequence = Math.max(0, total - span)
    const { data } = await list({ after_sequence, types: landmarks })
    const isWhole = after_sequence === 0
    const found = latestOf(data, isWhole)
    if (found) return found
    if (!isWhole) continue
    throw new OutlastError('no_turn', 'The session had no turn yet: send a message first.')
  }
}

/** Contract: pure. Undefined when the turn began before these events, or there is none. */
function latestOf(events: readonly Event[], isWhole: boolean): Following | undefined {
  const at = events.findLastIndex(({ type }) => type === 'session.activated')
  const begun = events[at]
  if (begun?.type !== 'session.activated') {
    const input = isWhole ? events.find(({ type }) => type === 'input.message') : undefined
    return input && { of: 'next', sequence: input.sequence! }
  }
  const after = events.slice(at + 1)
  const end = after.findLast(({ type }) => type !== 'input.message')
  const isIdle = end?.type === 'session.idled'
  const isNext = isIdle ? after.at(-1) !== end : end !== undefined
  if (isNext) return { of: 'next', sequence: end!.sequence! }
  return { of: 'known', sequence: begun.sequence! - 1, turnId: begun.data.turn_id }
}
