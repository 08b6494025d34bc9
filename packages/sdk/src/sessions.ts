import type {
  Approval,
  ApprovalResponse,
  Approvals,
  ApprovalsResponse,
  CancelTurnResponse,
  ContextReport,
  ExportSessionQuery,
  NewFork,
  NewSession,
  NewSessionToken,
  PageQuery,
  Preview,
  QuestionAnswers,
  QuestionAnswersAccepted,
  SecretsStored,
  SecretsToStore,
  Session,
  SessionChange,
  SessionQuery,
  SessionStats,
  SessionToken,
  SessionTokenInfo,
  StoredSecret,
  StoredValue,
  ToolApprovals,
  ToolApprovalsResponse,
  ToolResults,
  ToolResultsAccepted,
  ToolRule,
  Why,
} from '@outlast/contract'
import { type CallOptions, type Http, path } from './http.ts'
import { listOf } from './page.ts'

export function sessions(http: Http) {
  const { call, bytes } = http
  return {
    /** Lists sessions, newest first, filtered by agent, status, tag, legal hold or text. */
    list: (query?: SessionQuery, options?: CallOptions) =>
      listOf<Session>(http, '/v1/sessions', query, options),
    /** Counts sessions by status. */
    stats: (options?: CallOptions) => call<SessionStats>('GET', '/v1/sessions/stats', {}, options),
    /** Creates a session. `agent_archived`. Send messages with `outlast.session(created)`. */
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
    /** Cancels the running turn. The status is `no_op` if none runs. */
    cancelTurn: (id: string, options?: CallOptions) =>
      call<CancelTurnResponse>('POST', path`/v1/sessions/${id}/cancel`, {}, options),
    /** Copies a session, whole or up to an event. */
    fork: (id: string, body: NewFork = {}, options?: CallOptions) =>
      call<Session>('POST', path`/v1/sessions/${id}/fork`, { body }, options),
    /** Exports a session as JSON Lines, an async iterable of chunks of bytes. */
    export: (id: string, query?: ExportSessionQuery, options?: CallOptions) =>
      bytes(path`/v1/sessions/${id}/export`, { query, accept: 'application/x-ndjson' }, options),
    /** Creates a token for a browser, which opens only this session. */
    createToken: (id: string, body: NewSessionToken = {}, options?: CallOptions) =>
      call<SessionToken>('POST', path`/v1/sessions/${id}/tokens`, { body }, options),
    /** Lists the valid tokens of a session, newest first, without their secrets. */
    listTokens: (id: string, query?: PageQuery, options?: CallOptions) =>
      listOf<SessionTokenInfo>(http, path`/v1/sessions/${id}/tokens`, query, options),
    /** Revokes a token. All nodes refuse it within a second. */
    revokeToken: (id: string, tokenId: string, options?: CallOptions) =>
      call<void>('DELETE', path`/v1/sessions/${id}/tokens/${tokenId}`, {}, options),
    /** Lists the values that the tools of a session stored, by name. */
    listValues: (id: string, query?: PageQuery, options?: CallOptions) =>
      listOf<StoredValue>(http, path`/v1/sessions/${id}/storage/keys`, query, options),
    /** Lists the names of the secrets of a session. No operation returns a secret. */
    listSecrets: (id: string, query?: PageQuery, options?: CallOptions) =>
      listOf<StoredSecret>(http, path`/v1/sessions/${id}/storage/secrets`, query, options),
    /** Stores secrets for the tools of a session and replaces those with the same names. */
    setSecrets: (id: string, body: SecretsToStore, options?: CallOptions) =>
      call<SecretsStored>('PUT', path`/v1/sessions/${id}/storage/secrets`, { body }, options),
    /** Submits results of client tools. `tool_call_not_waiting` if a call does not wait. */
    submitToolResults: (id: string, body: ToolResults, options?: CallOptions) =>
      call<ToolResultsAccepted>('POST', path`/v1/sessions/${id}/tool-results`, { body }, options),
    /** Decides on several calls, all or none. `approval_not_pending` names the calls. */
    decideToolCalls: (id: string, body: Approvals, options?: CallOptions) =>
      call<ApprovalsResponse>('POST', path`/v1/sessions/${id}/approvals`, { body }, options),
    /** Settles all calls that wait for an approval. Those without a decision are not approved. */
    submitToolApprovals: (id: string, body: ToolApprovals, options?: CallOptions) =>
      call<ToolApprovalsResponse>(
        'POST',
        path`/v1/sessions/${id}/tool-approvals`,
        { body },
        options,
      ),
    /** Lists the decisions that hold for all calls of a tool in the session. */
    listToolRules: (id: string, query?: PageQuery, options?: CallOptions) =>
      listOf<ToolRule>(http, path`/v1/sessions/${id}/tool-rules`, query, options),
    /** Removes such a decision. `not_found` if the tool has none. */
    removeToolRule: (id: string, toolName: string, options?: CallOptions) =>
      call<void>('DELETE', path`/v1/sessions/${id}/tool-rules/${toolName}`, {}, options),
    /** Answers or declines questions of a tool. `question_not_waiting` if it is too late. */
    answerQuestions: (id: string, body: QuestionAnswers, options?: CallOptions) =>
      call<QuestionAnswersAccepted>(
        'POST',
        path`/v1/sessions/${id}/question-answers`,
        { body },
        options,
      ),
    /** Approves or denies a call. `approval_not_pending` if it was decided already. */
    decideToolCall: (id: string, toolCallId: string, body: Approval, options?: CallOptions) =>
      call<ApprovalResponse>(
        'POST',
        path`/v1/sessions/${id}/approvals/${toolCallId}`,
        { body },
        options,
      ),
  }
}
