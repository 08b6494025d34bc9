import type { CapabilityUse, ClientTool, Preview, Session } from '@outlast/contract'
import { assemble, describeAgent } from '../../../capabilities/catalog/catalog.ts'
import { clientToolsOf } from '../../../capabilities/catalog/client-tools.ts'
import { masked } from '../../../capabilities/catalog/masking.ts'
import { capabilitiesFor } from '../../../capabilities/mcp.ts'
import { sessionPrompt } from '../../../capabilities/turns/session-prompt.ts'
import { modelScope } from '../../../providers/keys.ts'
import type { Node } from '../../../runtime/node.ts'
import type { Db } from '../../../store/database.ts'
import { getAgent } from '../../../store/models/agents.ts'
import { findModelRoute } from '../../../store/models/models.ts'

type Previewed = {
  prompt: string
  agentUses: readonly CapabilityUse[]
  sessionUses: readonly CapabilityUse[]
  clientTools: readonly ClientTool[]
  /** Candidate models in order; the default of the organization comes last. */
  models: (string | null | undefined)[]
}

type Previewing = Omit<Node, 'db'> & { db: Db }

/** The prompt and tools of the next turn of a session. */
export async function sessionPreview(
  node: Previewing,
  orgId: string,
  session: Session,
): Promise<Preview> {
  const { system_prompt: session_prompt, locale } = session
  const agent = await getAgent(node.db, orgId, session.agent_id)
  return agentPreview(node, orgId, {
    prompt: sessionPrompt({ session_prompt, system_prompt: agent.system_prompt, locale }),
    agentUses: agent.capabilities,
    sessionUses: session.capabilities,
    clientTools: clientToolsOf(agent.tools ?? [], session.tools),
    models: [session.model_id, agent.default_model_id],
  })
}

/** The prompt and tools that the next turn would send to a model. */
export async function agentPreview(
  node: Previewing,
  orgId: string,
  { prompt, agentUses, sessionUses, clientTools, models }: Previewed,
): Promise<Preview> {
  const uses = [...agentUses, ...sessionUses]
  const capabilities = await capabilitiesFor(node, orgId, { uses, clientTools, fresh: true })
  const parts = { agentPrompt: prompt, agentUses, sessionUses, clientTools }
  const agent = assemble(capabilities, parts)
  const wanted = models.filter((id) => typeof id === 'string')
  const route = await findModelRoute(node.db, modelScope(node.config, orgId), wanted)
  const { id, model_id, provider_id, provider_type } = route ?? {}
  const described = describeAgent(agent, clientTools)
  return {
    ...masked(capabilities, described),
    model: route ? ({ id, model_id, provider_id, provider_type } as Preview['model']) : null,
  }
}
