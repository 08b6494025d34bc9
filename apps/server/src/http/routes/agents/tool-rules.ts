import { ErrorResponse, PageQuery, ToolRulePage } from '@outlast/contract'
import type { FastifyReply } from 'fastify'
import { ApiError } from '../../../errors.ts'
import { getAgentId } from '../../../store/models/agent-names.ts'
import { findToolRules, removeToolRule, type ToolRules } from '../../../store/turns/tool-rules.ts'
import type { Api } from '../../core/api.ts'
import { inBatches, sendList } from '../../core/list.ts'

type Params = { agent_id: string }

/** Decisions that hold for all calls of a tool in all sessions of an agent. */
export function agentToolRuleRoutes({ app }: Api): void {
  app.route<{ Params: Params; Querystring: PageQuery }>({
    method: 'GET',
    url: '/v1/agents/:agent_id/tool-rules',
    schema: {
      operationId: 'list_agent_tool_rules',
      querystring: PageQuery,
      response: { 200: ToolRulePage, '4xx': ErrorResponse },
    },
    async handler({ params, principal: { orgId }, query, db }, reply) {
      const id = await getAgentId(db, orgId, params.agent_id)
      const rules = await findToolRules(db, { orgId, scope: 'agent', id })
      if (!rules) throw new ApiError('not_found', 'Agent')
      return sendRules(reply, query, rules)
    },
  })

  app.route<{ Params: Params & { tool_name: string } }>({
    method: 'DELETE',
    url: '/v1/agents/:agent_id/tool-rules/:tool_name',
    schema: { operationId: 'delete_agent_tool_rule', response: { '4xx': ErrorResponse } },
    async handler(request, reply) {
      const { params, principal, db } = request
      const { tool_name } = params
      const { orgId } = principal
      const id = await getAgentId(db, orgId, params.agent_id)
      const removed = await removeToolRule(db, { orgId, scope: 'agent', id }, tool_name)
      if (!removed) throw new ApiError('not_found', 'Tool rule')
      request.auditNote = { target: id, details: { tool_name } }
      return reply.code(204).send()
    },
  })
}

/** Sends rules in the order of the names of their tools. */
export function sendRules(reply: FastifyReply, query: PageQuery, rules: ToolRules) {
  const all = Object.entries(rules)
    .map(([tool_name, rule]) => ({ tool_name, ...rule }))
    .sort((one, other) => (one.tool_name < other.tool_name ? -1 : 1))
  return sendList(reply, query, {
    batches: inBatches(async ({ offset, limit }) => all.slice(offset, offset + limit)),
    count: async () => all.length,
  })
}
