import type { Message, NewMessage, PageQuery } from '@outlast/contract'
import { type CallOptions, type Http, path } from '../http/http.ts'
import { listOf } from '../http/page.ts'

export function messages(http: Http) {
  const { call } = http
  return {
    /** Lists the messages, oldest first, with tool calls and their results. */
    list: (sessionId: string, query?: PageQuery, options?: CallOptions) =>
      listOf<Message>(http, path`/v1/sessions/${sessionId}/messages`, query, options),
    /**
     * Stores a message, which starts a turn or joins the running one. It does not wait for the
     * answer; use `outlast.session(id).send` for that. `session_busy` with `on_busy: 'reject'`.
     */
    create: (sessionId: string, body: NewMessage, options?: CallOptions) =>
      call<Message>('POST', path`/v1/sessions/${sessionId}/messages`, { body }, options),
  }
}
