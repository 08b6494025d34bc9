import { Agent, AgentStats, ErrorResponse, isAgentSlug, type NewAgent } from '@outlast/contract'
import { ApiError } from '../../../errors.ts'
import type { Db } from '../../../store/database.ts'
import { claimName, getAgentId } from '../../../store/models/agent-names.ts'
import { readAgentStats } from '../../../store/models/agent-stats.ts'
import { createAgent, getAgent } from '../../../store/models/agents.ts'
import type { Api } from '../../core/api.ts'
import { tell } from '../../core/if-match.ts'
import { checkRoom, shownAgent } from './agents.ts'

type Params = { agent_id: string }

/** Copies and statistics of agents. */
export function agentCopyRoutes({ app, node }: Api): void {
  app.route<{ Params: Params }>({
    method: 'POST',
    url: '/v1/agents/:agent_id/copy',
    config: { bodyOptional: true },
    schema: {
      operationId: 'copy_agent',
      response: { 201: Agent, '4xx': ErrorResponse },
    },
    async handler(request, reply) {
      await checkRoom(node, request)
      const { params, principal, db } = request
      const { orgId } = principal
      const source = await getAgent(db, orgId, await getAgentId(db, orgId, params.agent_id))
      const name = await nameOfCopy(db, orgId, source.name)
      // Types of responses and requests differ in absent values only.
      const copy = await createAgent(db, orgId, { ...(source as NewAgent), name })
      return tell(reply.code(201), copy).send(shownAgent(node, copy))
    },
  })

  app.route<{ Params: Params }>({
    method: 'GET',
    url: '/v1/agents/:agent_id/stats',
    schema: {
      operationId: 'get_agent_stats',
      response: { 200: AgentStats, '4xx': ErrorResponse },
    },
    async handler({ params, principal: { orgId }, db }) {
      const { id } = await getAgent(db, orgId, await getAgentId(db, orgId, params.agent_id))
      return readAgentStats(db, orgId, id)
    },
  })
}

const nameLengthMax = 255
const copiesMax = 100

/** A slug gets `-copy`, or `-copy-2` and so on if that is taken; another name ` (copy)`. */
async function nameOfCopy(db: Db, orgId: string, name: string): Promise<string> {
  if (!isAgentSlug(name)) return ending(name, ' (copy)')
  for (let number = 1; number <= copiesMax; number += 1) {
    const wanted = ending(name, number === 1 ? '-copy' : `-copy-${number}`)
    if ((await claimName(db, orgId, wanted)) === undefined) return wanted
  }
  throw new ApiError('agent_name_taken', ending(name, `-copy-${copiesMax}`))
}

const ending = (name: string, end: string) =>
  `${name.slice(0, nameLengthMax - end.length).toWellFormed()}${end}`
