import type { FastifyRequest } from 'fastify'
import { ApiError } from '../../errors.ts'
import { getAgentId } from '../../store/models/agent-names.ts'

/**
 * Returns the id of the agent that the path of an adapter names: an id, or the name of an agent.
 * Contract: throws as `getAgentId`, and 403 for a name that a token was not granted, known or not.
 */
export async function agentIdIn(request: FastifyRequest): Promise<string> {
  const { principal, db, params } = request
  const { agent_id: given } = params as { agent_id: string }
  const agentIds = principal.endUser?.agentIds
  const found = getAgentId(db, principal.orgId, given)
  if (!agentIds) return found
  const id = await found.catch((error) => {
    if (error instanceof ApiError && error.status === 404) return undefined
    throw error
  })
  if (id === given || (id !== undefined && agentIds.includes(id))) return id
  throw new ApiError('not_granted', `the agent ${given}`)
}
