import { CheckAgentNameQuery, ErrorResponse, NameAvailability } from '@outlast/contract'
import { isNameFree } from '../../../store/models/agent-names.ts'
import type { Api } from '../../core/api.ts'

export function agentNameRoutes({ app }: Api): void {
  app.route<{ Querystring: CheckAgentNameQuery }>({
    method: 'GET',
    url: '/v1/agents/check-name',
    schema: {
      operationId: 'check_agent_name',
      querystring: CheckAgentNameQuery,
      response: { 200: NameAvailability, '4xx': ErrorResponse },
    },
    async handler({ query: { name, exclude_id: id = '' }, principal, db }) {
      return { available: await isNameFree(db, principal.orgId, { id, name }) }
    },
  })
}
