import type {
  ContextReport,
  ExportSessionQuery,
  Feedback,
  NewFeedback,
  NewFork,
  NewRetake,
  NewSession,
  NewSessionToken,
  NewShare,
  PageQuery,
  Preview,
  Retake,
  RetriedTurn,
  Session,
  SessionChange,
  SessionQuery,
  SessionStats,
  SessionToken,
  SessionTokenInfo,
  Share,
  ShareInfo,
  Why,
} from '@outlast/contract'
import { type CallOptions, type Http, path } from '../http/http.ts'
import { listOf } from '../http/page.ts'
import { cancelTurn } from '../turns/cancel.ts'
import { sessionBudgets } from './budgets.ts'
import { answers, storedValues } from './session-answers.ts'

export function sessions(http: Http) {
  const { call, bytes } = http
  return {
    /**
     * Lists sessions, newest first, with filters such as agent, status, cost and time. `q` searches
     * the texts of conversations.
     */
    list: (query?: SessionQuery, options?: CallOptions) =>
      listOf<Session>(http, '/v1/sessions', query, options),
    /** Counts sessions by status. */
    stats: (options?: CallOptions) => call<SessionStats>('GET', '/v1/sessions/stats', {}, options),
    /**
     * Creates a session, or returns the one that has its `key`. `agent_archived`. Send messages
     * with `outlast.session(created)`.
     */
    create: (body: NewSession = {}, options?: CallOptions) =>
      call<Session>('POST', '/v1/sessions', { body }, options),
    /** Returns a session. `not_found` for an unknown id. */
    get: (id: string, options?: CallOptions) =>
      call<Session>('GET', path`/v1/sessions/${id}`, {}, options),
    /** Changes title, tags or legal hold. `legal_hold` requires admin access. */
    update: (id: string, body: SessionChange, options?: CallOptions) =>
      call<Session>('PATCH', path`/v1/sessions/${id}`, { body }, options),
    /** Deletes a session with its log and files. `legal_hold` while it is held. */
    delete: (id: string, options?: CallOptions) =>
      call<void>('DELETE', path`/v1/sessions/${id}`, {}, options),
    /** Returns the prompt, tools and model of the next turn. */
    preview: (id: string, options?: CallOptions) =>
      call<Preview>('GET', path`/v1/sessions/${id}/preview`, {}, options),
    /** Estimates what fills the context window at the next model call. */
    contextReport: (id: string, options?: CallOptions) =>
      call<ContextReport>('GET', path`/v1/sessions/${id}/context-report`, {}, options),
    /** Pins a session for the calling user. */
    pin: (id: string, options?: CallOptions) =>
      call<void>('PUT', path`/v1/sessions/${id}/pin`, {}, options),
    /** Removes the pin of the calling user. */
    unpin: (id: string, options?: CallOptions) =>
      call<void>('DELETE', path`/v1/sessions/${id}/pin`, {}, options),
    /** Explains the current state of a session. */
    explain: (id: string, options?: CallOptions) =>
      call<Why>('GET', path`/v1/sessions/${id}/why`, {}, options),
    /** Cancels the running turn, or only `turnId`. The status is `no_op` if it does not run. */
    cancelTurn: (id: string, { turnId, ...options }: CallOptions & { turnId?: string } = {}) =>
      cancelTurn({ call }, id, { turnId, options }),
    /**
     * Sends a message of a user again, or another one in its place, in a fork that takes the key of
     * the session. `session_not_idle`, `session_superseded`.
     */
    retake: (id: string, body: NewRetake, options?: CallOptions) =>
      call<Retake>('POST', path`/v1/sessions/${id}/retake`, { body }, options),
    /**
     * Rates a message or a turn. A later rating replaces that of the same caller, and null
     * withdraws it. `feedback_full`.
     */
    giveFeedback: (id: string, body: NewFeedback, options?: CallOptions) =>
      call<Feedback>('POST', path`/v1/sessions/${id}/feedback`, { body }, options),
    /** Retries the latest turn, which failed: `turn_not_failed`. `outlast.session` follows it. */
    retry: (id: string, options?: CallOptions) =>
      call<RetriedTurn>('POST', path`/v1/sessions/${id}/retry`, {}, options),
    /** Copies a session, whole or up to an event. */
    fork: (id: string, body: NewFork = {}, options?: CallOptions) =>
      call<Session>('POST', path`/v1/sessions/${id}/fork`, { body }, options),
    /** Exports a session as JSON Lines, an async iterable of chunks of bytes. */
    export: (id: string, query?: ExportSessionQuery, options?: CallOptions) =>
      bytes(path`/v1/sessions/${id}/export`, { query, accept: 'application/x-ndjson' }, options),
    /** Creates a token for a browser, which opens only this session. */
    createToken: (id: string, body: NewSessionToken = {}, options?: CallOptions) =>
      call<SessionToken>(
        'POST',
        path`/v1/sessions/${id}/tokens`,
        { body, hasSecret: true },
        options,
      ),
    /** Lists the valid tokens of a session, newest first, without their secrets. */
    listTokens: (id: string, query?: PageQuery, options?: CallOptions) =>
      listOf<SessionTokenInfo>(http, path`/v1/sessions/${id}/tokens`, query, options),
    /** Revokes a token. All nodes refuse it within a second. */
    revokeToken: (id: string, tokenId: string, options?: CallOptions) =>
      call<void>('DELETE', path`/v1/sessions/${id}/tokens/${tokenId}`, {}, options),
    /** Creates a link with which anyone can read the session: its `path` on the server. */
    createShare: (id: string, body: NewShare = {}, options?: CallOptions) =>
      call<Share>('POST', path`/v1/sessions/${id}/shares`, { body, hasSecret: true }, options),
    /** Lists the valid links to a session, newest first, without their tokens. */
    listShares: (id: string, query?: PageQuery, options?: CallOptions) =>
      listOf<ShareInfo>(http, path`/v1/sessions/${id}/shares`, query, options),
    /** Revokes a link. All nodes refuse it within a second. */
    revokeShare: (id: string, shareId: string, options?: CallOptions) =>
      call<void>('DELETE', path`/v1/sessions/${id}/shares/${shareId}`, {}, options),
    ...storedValues(http),
    ...answers(http),
    ...sessionBudgets(http),
  }
}
