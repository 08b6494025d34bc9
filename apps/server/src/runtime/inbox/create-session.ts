import type { NewSession, Session } from '@outlast/contract'
import { checkCombination, checkUses, mountsOf } from '../../capabilities/catalog.ts'
import {
  checkClientTools,
  checkNarrowerTools,
  clientToolsOf,
} from '../../capabilities/client-tools.ts'
import { unmasked } from '../../capabilities/masking.ts'
import { capabilitiesFor } from '../../capabilities/mcp.ts'
import { ApiError } from '../../errors.ts'
import { modelScope } from '../../providers/keys.ts'
import { atomically, type Database, type Db } from '../../store/database.ts'
import { keepMounts, mountFiles } from '../../store/files/file-changes.ts'
import { getAgent } from '../../store/models/agents.ts'
import { checkModel } from '../../store/models/models.ts'
import { type ChannelOfSession, createSession } from '../../store/sessions/sessions.ts'
import { fileLimits, type Node } from '../node.ts'

type SessionToOpen = {
  orgId: string
  wanted: NewSession
  id?: string
  channel?: ChannelOfSession
}

/**
 * Creates a session of an agent, with the files that its capabilities mount.
 * Contract: throws 404 without the agent, `agent_archived`, `quota_exceeded`, and 400 for an
 * invalid combination of capabilities.
 */
export async function openSession(
  node: Node,
  db: Db | Database,
  { orgId, wanted, id, channel }: SessionToOpen,
): Promise<Session> {
  const { capabilities } = node
  const agent = await getAgent(db, orgId, wanted.agent_id)
  if (agent.status === 'archived') throw new ApiError('agent_archived', agent.id)
  const uses = unmasked(capabilities, wanted.capabilities ?? [], [])
  const tools = checkClientTools(wanted.tools)
  checkNarrowerTools(agent.tools ?? [], tools)
  const clientTools = clientToolsOf(agent.tools ?? [], tools)
  const both = { agentUses: agent.capabilities, sessionUses: uses }
  const named = { uses: [...agent.capabilities, ...uses], clientTools }
  const list = await capabilitiesFor({ ...node, db }, orgId, named)
  checkUses(list, uses)
  checkCombination(list, { ...both, clientTools })
  if (wanted.model_id) await checkModel(db, modelScope(node.config, orgId), wanted.model_id)
  const model_id = wanted.model_id ?? agent.default_model_id ?? null
  const mounts = mountsOf(capabilities, both)
  const create = (db: Db) => createSession(db, orgId, { ...wanted, model_id, tools, id, channel })
  if (mounts.length > 0) await node.quotas.checkStorage(db, orgId)
  // Last: the other check may reload the counts, which lack this session.
  await node.quotas.checkSessions(db, orgId)
  if (mounts.length === 0) return create(db)
  const limits = fileLimits(node.config)
  const kept = await keepMounts(db, orgId, { mounts, limits })
  return atomically(db, async (db) => {
    const made = await create(db)
    await mountFiles(db, made, kept, limits)
    return made
  })
}
