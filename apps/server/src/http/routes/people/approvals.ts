import {
  Approvals,
  ApprovalsResponse,
  ErrorResponse,
  PageQuery,
  ToolApprovals,
  ToolApprovalsResponse,
  ToolRulePage,
} from '@outlast/contract'
import { checkDecisions, deciderOf } from '../../../access/grants.ts'
import { ApiError } from '../../../errors.ts'
import { parseId } from '../../../ids.ts'
import { decideCalls, settleCalls } from '../../../runtime/inbox/many-approvals.ts'
import { getSession } from '../../../store/sessions/sessions.ts'
import { findToolRules, removeToolRule } from '../../../store/turns/tool-rules.ts'
import type { Api } from '../../core/api.ts'
import { sendRules } from '../agents/tool-rules.ts'
import { checkIds, noteOf } from './answers.ts'

type Params = { session_id: string }

/** Decisions about several tool calls at once, and rules for all calls of a tool. */
export function approvalRoutes(api: Api): void {
  decisionRoutes(api)
  ruleRoutes(api)
}

function decisionRoutes({ app, node }: Api): void {
  app.route<{ Params: Params; Body: Approvals }>({
    method: 'POST',
    url: '/v1/sessions/:session_id/approvals',
    config: { forToken: 'approve' },
    schema: {
      operationId: 'decide_tool_calls',
      body: Approvals,
      response: { 200: ApprovalsResponse, '4xx': ErrorResponse },
    },
    async handler(request) {
      const { params, principal, body, db, committed } = request
      const { orgId } = principal
      const sessionId = parseId('session', params.session_id)
      const { approvals } = body
      const ids = approvals.map(({ tool_call_id }) => tool_call_id)
      checkIds(ids, 'approvals')
      checkDecisions(principal, approvals)
      const deciding = { approvals, by: deciderOf(principal) }
      const { publish } = await decideCalls(node, db, { orgId, sessionId }, deciding)
      committed.push(publish)
      request.auditNote = { details: { decisions: approvals.map(noteOf) } }
      const { status, waiting_for } = await getSession(db, orgId, sessionId)
      const stored = approvals.map(({ tool_call_id, decision }) => ({
        tool_call_id,
        decision: decision === 'approve' ? ('approved' as const) : ('denied' as const),
      }))
      return { approvals: stored, status, waiting_for }
    },
  })

  app.route<{ Params: Params; Body: ToolApprovals }>({
    method: 'POST',
    url: '/v1/sessions/:session_id/tool-approvals',
    config: { forToken: 'approve' },
    schema: {
      operationId: 'submit_tool_approvals',
      body: ToolApprovals,
      response: { 200: ToolApprovalsResponse, '4xx': ErrorResponse },
    },
    async handler(request) {
      const { params, principal, body, db, committed } = request
      const { orgId } = principal
      const sessionId = parseId('session', params.session_id)
      const settling = { decisions: body.decisions, by: deciderOf(principal) }
      const settled = await settleCalls(node, db, { orgId, sessionId }, settling)
      const { resolved, publish } = settled
      committed.push(publish)
      request.auditNote = { details: { resolved } }
      const { status } = await getSession(db, orgId, sessionId)
      return { resolved, status }
    },
  })
}

function ruleRoutes({ app }: Api): void {
  app.route<{ Params: Params; Querystring: PageQuery }>({
    method: 'GET',
    url: '/v1/sessions/:session_id/tool-rules',
    schema: {
      operationId: 'list_tool_rules',
      querystring: PageQuery,
      response: { 200: ToolRulePage, '4xx': ErrorResponse },
    },
    async handler({ params, principal: { orgId }, query, db }, reply) {
      const sessionId = parseId('session', params.session_id)
      const rules = await findToolRules(db, { orgId, scope: 'session', id: sessionId })
      if (!rules) throw new ApiError('not_found', 'Session')
      return sendRules(reply, query, rules)
    },
  })

  app.route<{ Params: Params & { tool_name: string } }>({
    method: 'DELETE',
    url: '/v1/sessions/:session_id/tool-rules/:tool_name',
    schema: { operationId: 'delete_tool_rule', response: { '4xx': ErrorResponse } },
    async handler(request, reply) {
      const { params, principal, db } = request
      const { tool_name } = params
      const sessionId = parseId('session', params.session_id)
      const of = { orgId: principal.orgId, scope: 'session' as const, id: sessionId }
      const removed = await removeToolRule(db, of, tool_name)
      if (!removed) throw new ApiError('not_found', 'Tool rule')
      request.auditNote = { target: sessionId, details: { tool_name } }
      return reply.code(204).send()
    },
  })
}
