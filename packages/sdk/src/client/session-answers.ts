import type {
  Approval,
  ApprovalResponse,
  Approvals,
  ApprovalsResponse,
  PageQuery,
  QuestionAnswers,
  QuestionAnswersAccepted,
  SecretsStored,
  SecretsToStore,
  StoredSecret,
  StoredValue,
  ToolApprovals,
  ToolApprovalsResponse,
  ToolResults,
  ToolResultsAccepted,
  ToolRule,
} from '@outlast/contract'
import { type CallOptions, type Http, path } from '../http/http.ts'
import { listOf } from '../http/page.ts'

/** Calls about the values and secrets that a session stores by name. */
export function storedValues(http: Http) {
  const { call } = http
  return {
    /** Lists the values that the tools of a session stored, by name. */
    listValues: (id: string, query?: PageQuery, options?: CallOptions) =>
      listOf<StoredValue>(http, path`/v1/sessions/${id}/storage/keys`, query, options),
    /** Lists the names of the secrets of a session. No operation returns a secret. */
    listSecrets: (id: string, query?: PageQuery, options?: CallOptions) =>
      listOf<StoredSecret>(http, path`/v1/sessions/${id}/storage/secrets`, query, options),
    /** Stores secrets for the tools of a session and replaces those with the same names. */
    setSecrets: (id: string, body: SecretsToStore, options?: CallOptions) =>
      call<SecretsStored>('PUT', path`/v1/sessions/${id}/storage/secrets`, { body }, options),
  }
}

/** Calls that answer what a turn waits for. */
export function answers(http: Http) {
  const { call } = http
  return {
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
