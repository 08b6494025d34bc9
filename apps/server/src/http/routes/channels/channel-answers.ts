import {
  ErrorResponse,
  QuestionAnswers,
  QuestionAnswersAccepted,
  ToolApprovals,
  ToolApprovalsResponse,
  type WaitingFor,
} from '@outlast/contract'
import { deciderOf } from '../../../access/grants.ts'
import { ApiError, invalidAt } from '../../../errors.ts'
import { settleCalls } from '../../../runtime/inbox/many-approvals.ts'
import { answerQuestions } from '../../../runtime/inbox/questions.ts'
import type { Api } from '../../core/api.ts'
import { base, ownSession, type SessionParams } from './caller.ts'

/** Answers of callers to the questions of tools, and their decisions about calls. */
export function channelAnswerRoutes(api: Api): void {
  questionRoute(api)
  approvalRoute(api)
}

function questionRoute({ app, node }: Api): void {
  app.route<{ Params: SessionParams; Body: QuestionAnswers }>({
    method: 'POST',
    url: `${base}/sessions/:session_id/question-answers`,
    config: { access: 'channel', unaudited: true },
    schema: {
      operationId: 'answer_agent_questions',
      body: QuestionAnswers,
      response: { 200: QuestionAnswersAccepted, '4xx': ErrorResponse },
    },
    async handler(request) {
      const { db, committed, params, body, principal } = request
      refuseSecrets(body)
      const { id: sessionId } = await ownSession(request, params)
      const where = { orgId: principal.orgId, sessionId }
      const answered = await answerQuestions(node, db, where, { body, by: principal })
      committed.push(answered.publish)
      const { callId, outcome } = answered
      const session = await ownSession(request, params)
      return {
        tool_call_id: callId,
        status: outcome.status,
        answered_by: outcome.answered_by,
        session_status: session.status,
        waiting_for: waitingQuestions(session.waiting_for),
      }
    },
  })
}

/** The questions that still wait. Callers learn of no other calls, and no names of tools. */
function waitingQuestions(waiting: WaitingFor | null): WaitingFor | null {
  const asking = waiting?.calls.filter(({ type }) => type === 'input') ?? []
  if (!waiting || asking.length === 0) return null
  const calls = asking.map((call) => ({ ...call, tool_name: '' }))
  const tool_call_ids = calls.map(({ tool_call_id }) => tool_call_id)
  return { type: 'input', tool_call_ids, since: waiting.since, calls }
}

/** Contract: throws 400. Secrets of a session are stored by the organization only. */
function refuseSecrets({ answers = [] }: QuestionAnswers) {
  const at = answers.findIndex(
    ({ secret, secret_ref }) => secret !== undefined || secret_ref != null,
  )
  if (at >= 0) throw invalidAt(`answers/${at}`, 'must not have a secret: decline the question')
}

function approvalRoute({ app, node }: Api): void {
  app.route<{ Params: SessionParams; Body: ToolApprovals }>({
    method: 'POST',
    url: `${base}/sessions/:session_id/tool-approvals`,
    config: { access: 'channel', unaudited: true },
    schema: {
      operationId: 'decide_agent_tool_calls',
      body: ToolApprovals,
      response: { 200: ToolApprovalsResponse, '4xx': ErrorResponse },
    },
    async handler(request) {
      const { db, committed, params, body, principal } = request
      const { id: sessionId } = await ownSession(request, params)
      const { tool_approvals } = principal.channel!.channel.settings
      if (tool_approvals !== 'caller') throw new ApiError('approvals_by_operator')
      const where = { orgId: principal.orgId, sessionId }
      const settling = { decisions: body.decisions, by: deciderOf(principal) }
      const { resolved, publish } = await settleCalls(node, db, where, settling)
      committed.push(publish)
      return { resolved, status: (await ownSession(request, params)).status }
    },
  })
}
