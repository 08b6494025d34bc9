import type {
  Approval,
  ApprovalResponse,
  CancelTurnResponse,
  ExportSessionQuery,
  NewFork,
  NewSession,
  NewSessionToken,
  PageQuery,
  Preview,
  Session,
  SessionChange,
  SessionQuery,
  SessionToken,
  SessionTokenInfo,
  ToolResults,
  ToolResultsAccepted,
  Why,
} from '@outlast/contract'
import { type CallOptions, type Http, path } from './http.ts'
import { listOf } from './page.ts'

export function sessions(http: Http) {
  const { call, bytes } = http
  return {
    /** The latest first. Narrowed by agent, status, tag, or a part of its title. */
    list: (query?: SessionQuery, options?: CallOptions) =>
      listOf<Session>(http, '/v1/sessions', query, options),
    /** Starts a session; `agent_archived`, `not_found`. `outlast.session(created)` talks in it. */
    create: (body: NewSession, options?: CallOptions) =>
      call<Session>('POST', '/v1/sessions', { body }, options),
    /** `not_found` if there is none of this id. */
    get: (id: string, options?: CallOptions) =>
      call<Session>('GET', path`/v1/sessions/${id}`, {}, options),
    /** Changes its title or tags; `legal_hold` needs admin access. */
    update: (id: string, body: SessionChange, options?: CallOptions) =>
      call<Session>('PATCH', path`/v1/sessions/${id}`, { body }, options),
    /** Deletes all of it, a turn that runs included; `legal_hold` if an administrator holds it. */
    delete: (id: string, options?: CallOptions) =>
      call<void>('DELETE', path`/v1/sessions/${id}`, {}, options),
    /** The prompt, tools and model of its next turn. */
    preview: (id: string, options?: CallOptions) =>
      call<Preview>('GET', path`/v1/sessions/${id}/preview`, {}, options),
    /** What it does or waits for, in one sentence. */
    explain: (id: string, options?: CallOptions) =>
      call<Why>('GET', path`/v1/sessions/${id}/why`, {}, options),
    /** Ends the turn that runs; `no_op` when none does. */
    cancelTurn: (id: string, options?: CallOptions) =>
      call<CancelTurnResponse>('POST', path`/v1/sessions/${id}/cancel`, {}, options),
    /** A copy, whole or up to an event. */
    fork: (id: string, body: NewFork = {}, options?: CallOptions) =>
      call<Session>('POST', path`/v1/sessions/${id}/fork`, { body }, options),
    /** Everything as JSON lines: an async iterable of bytes, in the portions in which they come. */
    export: (id: string, query?: ExportSessionQuery, options?: CallOptions) =>
      bytes(path`/v1/sessions/${id}/export`, { query, accept: 'application/x-ndjson' }, options),
    /** A token for this session only, for a browser. The body's absent grants are not granted. */
    createToken: (id: string, body: NewSessionToken = {}, options?: CallOptions) =>
      call<SessionToken>('POST', path`/v1/sessions/${id}/tokens`, { body }, options),
    /** Its tokens that have not expired, newest first; not the tokens themselves. */
    listTokens: (id: string, query?: PageQuery, options?: CallOptions) =>
      listOf<SessionTokenInfo>(http, path`/v1/sessions/${id}/tokens`, query, options),
    /** Revokes a token: it is refused from now on, everywhere within a second. */
    revokeToken: (id: string, tokenId: string, options?: CallOptions) =>
      call<void>('DELETE', path`/v1/sessions/${id}/tokens/${tokenId}`, {}, options),
    /** Results of waiting client calls; `tool_call_not_waiting` if one has its outcome already. */
    submitToolResults: (id: string, body: ToolResults, options?: CallOptions) =>
      call<ToolResultsAccepted>('POST', path`/v1/sessions/${id}/tool-results`, { body }, options),
    /** Allows or denies a call that waits for approval; `approval_not_pending` if somebody did. */
    decideToolCall: (id: string, toolCallId: string, body: Approval, options?: CallOptions) =>
      call<ApprovalResponse>(
        'POST',
        path`/v1/sessions/${id}/approvals/${toolCallId}`,
        { body },
        options,
      ),
  }
}
