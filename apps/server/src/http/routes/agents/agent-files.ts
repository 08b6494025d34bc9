import {
  Agent,
  ErrorResponse,
  ExportAgentQuery,
  ImportAgentQuery,
  NewAgent,
} from '@outlast/contract'
import { masked, withoutSecrets } from '../../../capabilities/catalog/masking.ts'
import { ApiError } from '../../../errors.ts'
import { getAgentId } from '../../../store/models/agent-names.ts'
import { getAgent } from '../../../store/models/agents.ts'
import type { Api } from '../../core/api.ts'
import { parseTextBodies, storable } from '../../core/body.ts'
import { fitting } from '../../core/validate.ts'
import { readAgentFile } from './agent-files/read.ts'
import { dispositionOf, formats } from './agent-files/write.ts'
import { checked, checkRoom, identified, postAgent } from './agents.ts'

const fileBytesMax = 3 * 1024 * 1024

/** Export and import of agents. Await it: the parser for text bodies applies to one route. */
export async function agentFileRoutes({ app, node }: Api): Promise<void> {
  app.route<{ Params: { agent_id: string }; Querystring: ExportAgentQuery }>({
    method: 'GET',
    url: '/v1/agents/:agent_id/export',
    schema: {
      operationId: 'export_agent',
      querystring: ExportAgentQuery,
      produces: Object.values(formats).map(({ type }) => type),
      response: { '4xx': ErrorResponse },
    },
    async handler({ params, query, principal, db }, reply) {
      const { orgId } = principal
      const agent = await getAgent(db, orgId, await getAgentId(db, orgId, params.agent_id))
      const { type, ending, write } = formats[query.format ?? 'markdown']
      reply.header('content-type', `${type}; charset=utf-8`)
      reply.header('content-disposition', dispositionOf(agent.name, ending))
      const open = withoutSecrets(node.capabilities, agent.capabilities)
      return reply.send(write({ ...agent, capabilities: open }))
    },
  })

  await app.register(async (scope) => {
    parseTextBodies(scope)
    scope.route<{ Body: string | undefined; Querystring: ImportAgentQuery }>({
      method: 'POST',
      url: '/v1/agents/import',
      bodyLimit: fileBytesMax,
      schema: {
        operationId: 'import_agent',
        querystring: ImportAgentQuery,
        consumes: ['text/plain', 'text/markdown', 'application/yaml'],
        response: { 200: Agent, 201: Agent, 404: ErrorResponse, '4xx': ErrorResponse },
      },
      async handler(request, reply) {
        await checkRoom(node, request)
        const { body = '', query, principal, db } = request
        const { orgId } = principal
        if (query['from-example'] !== undefined) throw new ApiError('not_found', 'Example')
        const given = fitting(NewAgent, storable(readAgentFile(body).values))
        const agent = await identified(db, orgId, given)
        const whole = await checked(node, { db, orgId }, agent.id, agent)
        const saved = await postAgent(db, orgId, whole)
        return reply.code(saved.created ? 201 : 200).send(masked(node.capabilities, saved.agent))
      },
    })
  })
}
