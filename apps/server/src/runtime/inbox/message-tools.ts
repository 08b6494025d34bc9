import type { ClientTool } from '@outlast/contract'
import { checkToolNames } from '../../capabilities/catalog/catalog.ts'
import {
  checkClientTools,
  checkNarrowerTools,
  clientToolsOf,
} from '../../capabilities/catalog/client-tools.ts'
import { capabilitiesFor } from '../../capabilities/mcp.ts'
import type { Db } from '../../store/database.ts'
import { getAgent } from '../../store/models/agents.ts'
import { getSession } from '../../store/sessions/sessions.ts'
import type { Node } from '../node.ts'

/**
 * Validates the client tools of a message with those of its session.
 * Contract: throws 404 without the session, and 400 for names of other tools of the agent and for
 * tools that drop an approval.
 */
export async function checkMessageTools(
  node: Omit<Node, 'db'> & { db: Db },
  { orgId, sessionId }: { orgId: string; sessionId: string },
  given: readonly ClientTool[],
): Promise<ClientTool[]> {
  const tools = checkClientTools(given)
  if (tools.length === 0) return tools
  const session = await getSession(node.db, orgId, sessionId)
  const agent = await getAgent(node.db, orgId, session.agent_id)
  const ofSession = clientToolsOf(agent.tools ?? [], session.tools)
  checkNarrowerTools(ofSession, tools)
  const both = { agentUses: agent.capabilities, sessionUses: session.capabilities }
  const uses = [...agent.capabilities, ...session.capabilities]
  const clientTools = clientToolsOf(ofSession, tools)
  const list = await capabilitiesFor(node, orgId, { uses, clientTools })
  checkToolNames(list, { ...both, clientTools })
  return tools
}
