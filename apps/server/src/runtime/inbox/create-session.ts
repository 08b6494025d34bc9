import { type Agent, harnessId, type NewSession } from '@outlast/contract'
import { checkCombination, checkUses, mountsOf } from '../../capabilities/catalog/catalog.ts'
import {
  checkClientTools,
  checkNarrowerTools,
  clientToolsOf,
} from '../../capabilities/catalog/client-tools.ts'
import { unmasked } from '../../capabilities/catalog/masking.ts'
import { capabilitiesFor } from '../../capabilities/mcp.ts'
import { checkLimits, checkNarrowerLimits } from '../../capabilities/turns/turn-limits.ts'
import { checkHints } from '../../capabilities/turns/turn-settings.ts'
import { ApiError, invalidAt } from '../../errors.ts'
import { modelScope } from '../../providers/keys.ts'
import { atomically, type Database, type Db } from '../../store/database.ts'
import { keepMounts, mountFiles } from '../../store/files/file-changes.ts'
import { joinedFiles, readInitialFiles } from '../../store/files/initial-files.ts'
import { getAgentNamed } from '../../store/models/agent-names.ts'
import { getAgent } from '../../store/models/agents.ts'
import { generalAgent } from '../../store/models/general-agent.ts'
import { checkModel } from '../../store/models/models.ts'
import {
  type ChannelOfSession,
  type CreatorOfSession,
  createSession,
  findByKey,
  type OpenedSession,
} from '../../store/sessions/sessions.ts'
import { fileLimits, type Node } from '../node.ts'
import { seedOf } from './seed.ts'

export type SessionToOpen = {
  orgId: string
  wanted: NewSession
  id?: string
  channel?: ChannelOfSession
  /** The user of the organization who asks. */
  userId?: string
  creator?: CreatorOfSession
}

/**
 * Returns the session that has the key, or creates one, with the files that its capabilities mount,
 * those of the agent, and its own.
 * Contract: throws 404 without the agent, `agent_archived`, `quota_exceeded`, and 400 for an
 * invalid combination of capabilities.
 */
export async function openSession(
  node: Node,
  db: Db | Database,
  { orgId, wanted, id, channel, creator, userId }: SessionToOpen,
): Promise<OpenedSession> {
  const { capabilities } = node
  const agent = await wantedAgent(db, orgId, wanted)
  const { key, user = null } = wanted
  const keyed = key != null && { agent_id: agent.id, key, user, userId }
  const existing = keyed && (await findByKey(db, orgId, keyed))
  if (existing) return { session: existing, isNew: false }
  if (agent.status === 'archived') throw new ApiError('agent_archived', agent.id)
  const uses = unmasked(capabilities, wanted.capabilities ?? [], [])
  const tools = checkClientTools(wanted.tools)
  checkNarrowerTools(agent.tools ?? [], tools)
  checkLimits(wanted, node.config.TURN_ITERATIONS_MAX)
  checkNarrowerLimits(agent, wanted)
  const clientTools = clientToolsOf(agent.tools ?? [], tools)
  const both = { agentUses: agent.capabilities, sessionUses: uses }
  const named = { uses: [...agent.capabilities, ...uses], clientTools }
  const list = await capabilitiesFor({ ...node, db }, orgId, named)
  checkUses(list, uses)
  checkCombination(list, { ...both, clientTools })
  if (wanted.model_id) await checkModel(db, modelScope(node.config, orgId), wanted.model_id)
  const model_id = wanted.model_id ?? agent.default_model_id ?? null
  const seed = wanted.messages ? await seedOf(db, { orgId, user }, wanted.messages) : undefined
  const limits = fileLimits(node.config)
  const mounts = joinedFiles(
    mountsOf(capabilities, both),
    readInitialFiles(agent.initial_files ?? [], limits),
    readInitialFiles(wanted.initial_files ?? [], limits),
  )
  const create = (db: Db) =>
    createSession(db, orgId, {
      ...wanted,
      ...{ agent_id: agent.id, model_id, tools, id, channel, creator, seed },
    })
  const bytes = mounts.reduce((sum, { content }) => sum + content.length, seed?.bytes ?? 0)
  if (mounts.length > 0 || seed) await node.quotas.checkStorage(db, orgId, bytes)
  // Last: the other check may reload the counts, which lack this session.
  await node.quotas.checkSessions(db, orgId)
  if (mounts.length === 0) return create(db)
  const kept = await keepMounts(db, orgId, { mounts, limits })
  return atomically(db, async (db) => {
    const made = await create(db)
    if (made.isNew) await mountFiles(db, made.session, kept, limits)
    return made
  })
}

/** Names of the only harness that published clients use. */
const harnessNames = ['default', 'base', 'generic']

function checkHarness({ harness_id, harness_name }: NewSession): void {
  const isKnown =
    (harness_id ?? harnessId) === harnessId && harnessNames.includes(harness_name ?? 'default')
  if (!isKnown) throw new ApiError('not_found', 'Harness')
}

/** The agent of a new session. Contract: throws 404, and 400 for parts that do not fit together. */
function wantedAgent(db: Db | Database, orgId: string, wanted: NewSession): Promise<Agent> {
  const { agent_id, agent_name, hints } = wanted
  checkHarness(wanted)
  checkHints(hints, 'hints')
  if (agent_id == null) {
    return agent_name == null ? generalAgent(db, orgId) : getAgentNamed(db, orgId, agent_name)
  }
  if (agent_name != null) throw invalidAt('agent_name', 'must be absent beside agent_id')
  return getAgent(db, orgId, agent_id)
}
