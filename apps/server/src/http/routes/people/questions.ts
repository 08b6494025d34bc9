import { ErrorResponse, QuestionAnswers, QuestionAnswersAccepted } from '@outlast/contract'
import { parseId } from '../../../ids.ts'
import { answerQuestions } from '../../../runtime/inbox/questions.ts'
import { getSession } from '../../../store/sessions/sessions.ts'
import type { Api } from '../../core/api.ts'

/** Answers to the questions of tools. */
export function questionRoutes({ app, node }: Api): void {
  app.route<{ Params: { session_id: string }; Body: QuestionAnswers }>({
    method: 'POST',
    url: '/v1/sessions/:session_id/question-answers',
    config: { forToken: 'write', hasSecret: true },
    schema: {
      operationId: 'submit_question_answers',
      body: QuestionAnswers,
      response: { 200: QuestionAnswersAccepted, '4xx': ErrorResponse },
    },
    async handler(request) {
      const { params, principal, body, db, committed } = request
      const { orgId } = principal
      const sessionId = parseId('session', params.session_id)
      const answering = { body, by: principal }
      const answered = await answerQuestions(node, db, { orgId, sessionId }, answering)
      const { callId, outcome, secretName, publish } = answered
      committed.push(publish)
      const { status, answered_by } = outcome
      const note = { tool_call_id: callId, status, ...(secretName && { secret: secretName }) }
      request.auditNote = { details: note }
      const session = await getSession(db, orgId, sessionId)
      return {
        tool_call_id: callId,
        status,
        answered_by,
        session_status: session.status,
        waiting_for: session.waiting_for,
      }
    },
  })
}
