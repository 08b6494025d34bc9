import type { FastifyRequest } from 'fastify'
import { ApiError } from '../../errors.ts'
import { getAgentId } from '../../store/models/agent-names.ts'
import { getSession } from '../../store/sessions/sessions.ts'

/**
 * Returns the id of the agent that the path of an adapter names: an id, or the name of an agent.
 * Contract: throws as `getAgentId`, and 403 for a name that a token was not granted, known or not.
 */
export async function agentIdIn(request: FastifyRequest): Promise<string> {
  const { principal, db, params } = request
  const { agent_id: given } = params as { agent_id: string }
  const agentIds = await agentIdsOf(request)
  const found = getAgentId(db, principal.orgId, given)
  if (!agentIds) return found
  const id = await found.catch((error) => {
    if (error instanceof ApiError && error.status === 404) return undefined
    throw error
  })
  if (id === given || (id !== undefined && agentIds.includes(id))) return id
  throw new ApiError('not_granted', `the agent ${given}`)
}

/** The agents that a token was granted: one of a session has the agent of the session. */
async function agentIdsOf({ principal, db }: FastifyRequest) {
  const { orgId, sessionId, endUser } = principal
  if (sessionId === undefined) return endUser?.agentIds
  return [(await getSession(db, orgId, sessionId)).agent_id]
}
