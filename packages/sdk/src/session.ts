import type { Event, Message, NewMessage } from '@outlast/contract'
import { type CallOptions, type Http, path } from './http.ts'
import { type StreamOptions, streamEvents } from './stream.ts'
import { type Beginning, createTurn, type Turn, type TurnOptions } from './turn.ts'

/** What a message says beside its text. */
export type SendOptions = TurnOptions &
  Pick<NewMessage, 'on_busy' | 'controls' | 'metadata' | 'tags'> &
  Pick<CallOptions, 'idempotencyKey'>

/** One session, as the program that talks in it sees it. */
export type SessionHandle = ReturnType<typeof sessionOf>

export function sessionOf(http: Http, id: string) {
  async function send(
    content: string | NewMessage['message']['content'],
    { on_busy, controls, metadata, tags, signal, idempotencyKey }: SendOptions,
  ): Promise<Beginning> {
    const parts = typeof content === 'string' ? [{ type: 'text' as const, text: content }] : content
    const message = { role: 'user' as const, content: parts }
    const body: NewMessage = { message, on_busy, controls, metadata, tags }
    const options = { ...(signal && { signal }), ...(idempotencyKey && { idempotencyKey }) }
    const at = path`/v1/sessions/${id}/messages`
    const stored = await http.call<Message>('POST', at, { body }, options)
    return { following: { messageId: stored.id, sequence: stored.sequence - 1 }, past: [] }
  }

  /** The latest turn, and what happened in it until now. */
  async function latest({ signal }: TurnOptions): Promise<Beginning> {
    const at = path`/v1/sessions/${id}/events`
    const list = (query: { types?: string[]; after_sequence?: number }) =>
      http.call<{ data: Event[] }>('GET', at, { query }, signal && { signal })
    const begun = (await list({ types: ['session.activated'] })).data.at(-1)
    if (begun?.type !== 'session.activated') throw new TypeError('The session had no turn yet.')
    const { turn_id: turnId, input_message_id: messageId } = begun.data
    const after_sequence = begun.sequence!
    const past = (await list({ after_sequence })).data
    return { following: { turnId, messageId, sequence: after_sequence }, past }
  }

  return {
    id,
    /**
     * Sends a message. What comes back is the turn that answers it: `await` it for the answer, or iterate it for the
     * events. While a turn runs the message joins it, unless `on_busy` says otherwise.
     */
    send: (content: string | NewMessage['message']['content'], options: SendOptions = {}): Turn =>
      createTurn(http, id, { begin: send(content, options), options }),
    /**
     * Takes the latest turn up again, running or over, after this program was restarted: calls that still wait for it
     * are answered, those that have their outcome are not run again.
     */
    resume: (options: TurnOptions = {}): Turn =>
      createTurn(http, id, { begin: latest(options), options }),
    /** Every event, stored ones first, then as they happen, across lost connections: see `streamEvents`. */
    events: (options?: StreamOptions) => streamEvents(http, id, options),
  }
}
