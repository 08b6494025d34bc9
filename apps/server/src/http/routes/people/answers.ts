import {
  Approval,
  ApprovalResponse,
  ErrorResponse,
  ToolResults,
  ToolResultsAccepted,
} from '@outlast/contract'
import { checkDecisions, deciderOf } from '../../../access/grants.ts'
import { invalidAt } from '../../../errors.ts'
import { parseId } from '../../../ids.ts'
import { decideCall } from '../../../runtime/inbox/approvals.ts'
import { submitResults } from '../../../runtime/inbox/results.ts'
import { getSession } from '../../../store/sessions/sessions.ts'
import type { Api } from '../../core/api.ts'

const bodyBytesMax = 8 * 1024 * 1024

type Params = { session_id: string }

/** A turn's external inputs: results of client tools, and approvals. */
export function answerRoutes({ app, node }: Api): void {
  app.route<{ Params: Params; Body: ToolResults }>({
    method: 'POST',
    url: '/v1/sessions/:session_id/tool-results',
    bodyLimit: bodyBytesMax,
    config: {
      forToken: 'write',
      tokenNeeds: 'tool_results',
      unaudited: true,
      allowsNul: true,
    },
    schema: {
      operationId: 'submit_tool_results',
      body: ToolResults,
      response: { 200: ToolResultsAccepted, '4xx': ErrorResponse },
    },
    async handler({ params, principal, body, db, committed }) {
      const { orgId } = principal
      const sessionId = parseId('session', params.session_id)
      checkIds(body.tool_results.map(({ tool_call_id }) => tool_call_id))
      await node.quotas.checkStorage(db, orgId)
      const where = { orgId, sessionId }
      const { publish } = await submitResults(node, db, where, {
        results: body.tool_results,
        by: principal,
      })
      committed.push(publish)
      const { status, waiting_for } = await getSession(db, orgId, sessionId)
      return { accepted: body.tool_results.length, status, waiting_for }
    },
  })

  app.route<{ Params: Params & { tool_call_id: string }; Body: Approval }>({
    method: 'POST',
    url: '/v1/sessions/:session_id/approvals/:tool_call_id',
    config: { forToken: 'approve' },
    schema: {
      operationId: 'decide_tool_call',
      body: Approval,
      response: { 200: ApprovalResponse, '4xx': ErrorResponse },
    },
    async handler(request) {
      const { params, principal, body, db, committed } = request
      const { orgId } = principal
      const sessionId = parseId('session', params.session_id)
      checkDecisions(principal, [body])
      const deciding = { ...body, callId: params.tool_call_id, by: deciderOf(principal) }
      const { publish } = await decideCall(node, db, { orgId, sessionId }, deciding)
      committed.push(publish)
      const details = noteOf({ ...body, tool_call_id: params.tool_call_id })
      request.auditNote = { target: sessionId, details }
      const { status, waiting_for } = await getSession(db, orgId, sessionId)
      const decision = body.decision === 'approve' ? ('approved' as const) : ('denied' as const)
      return { tool_call_id: params.tool_call_id, decision, status, waiting_for }
    },
  })
}

/** Refuses two results for one call. Contract: throws 400. */
export function checkIds(callIds: readonly string[], path = 'tool_results'): void {
  const twice = callIds.findIndex((id, index) => callIds.indexOf(id) !== index)
  if (twice >= 0) throw invalidAt(`${path}/${twice}/tool_call_id`, `repeats ${callIds[twice]}`)
}

/** A decision as the audit log has it. */
export const noteOf = ({
  tool_call_id,
  decision,
  always,
}: Approval & { tool_call_id: string }) => ({
  tool_call_id,
  decision,
  ...(always != null && { always }),
})
