import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { type Agent, NewAgent } from '@outlast/contract'
import type { FileAgent } from '../authoring/project.ts'
import { checkClientTools } from '../capabilities/catalog/client-tools.ts'
import { isMcpRef } from '../capabilities/mcp/ref.ts'
import { checkOutputSchema, isSchema } from '../capabilities/schemas/output-schema.ts'
import { ApiError } from '../errors.ts'
import { storable } from '../http/core/body.ts'
import { fitting } from '../http/core/validate.ts'
import { checkAgent } from '../http/routes/agents/agents.ts'
import { newId } from '../ids.ts'
import type { Node } from '../runtime/node.ts'
import { recordAudit } from '../store/access/audit-log.ts'
import type { Db } from '../store/database.ts'
import {
  archiveFileAgents,
  listFileAgents,
  lockFileAgents,
  saveAgent,
} from '../store/models/agents.ts'
import { defaultOrganization as orgId } from '../store/models/seeds.ts'
import { ProjectError, type ProjectProblem, problemsIn } from './problems.ts'

type AgentAction = 'create_agent' | 'put_agent' | 'delete_agent'
type AgentEffect = { action: AgentAction; id: string; file: string | undefined }

const lockPauseMs = 50
/** Longer than any node takes, also on a loaded machine. */
const lockWaitMs = 60_000

/**
 * Checks the agents that files of the project define.
 * Contract: changes nothing. Throws ProjectError with the problems of all files.
 */
export async function checkFileAgents(node: Node): Promise<void> {
  const { agents } = node.project
  if (agents === undefined) return
  await readAgents(node, node.db, { agents, byName: await fileAgentsByName(node.db) })
}

/**
 * Stores the agents that files of the project define, in the default organization. An agent of this
 * name from a file is replaced if it differs, else created. Agents from files that no file defines
 * any more are archived.
 * Contract: one transaction, of one node at a time. Changes nothing without a project. Throws
 * ProjectError with the problems of all files, and stores nothing then.
 */
export async function storeFileAgents(node: Node): Promise<void> {
  const { agents } = node.project
  if (agents === undefined) return
  const deadline = Date.now() + lockWaitMs
  for (;;) {
    const effects = await node.db.transaction(async (db) =>
      (await lockFileAgents(db)) ? applyFileAgents(node, db, agents) : undefined,
    )
    if (effects) {
      for (const { id } of effects) node.bus.changed(orgId, { noun: 'agent', id })
      return
    }
    if (Date.now() > deadline) throw new Error('Another node has been storing agents for 60 s.')
    await sleep(lockPauseMs)
  }
}

async function applyFileAgents(
  node: Node,
  db: Db,
  agents: readonly FileAgent[],
): Promise<AgentEffect[]> {
  const byName = await fileAgentsByName(db)
  const wanted = await readAgents(node, db, { agents, byName })
  const effects: AgentEffect[] = []
  for (const { file, agent } of wanted) {
    const known = byName.get(agent.name)
    if (known && isStored(known, { file, agent })) continue
    const id = known?.id ?? newId('agent')
    await saveAgent(db, orgId, { ...agent, id }, file)
    effects.push({ action: known ? 'put_agent' : 'create_agent', id, file })
  }
  const kept = wanted.flatMap(({ agent }) => byName.get(agent.name)?.id ?? [])
  const created = effects.map(({ id }) => id)
  for (const { id, file } of await archiveFileAgents(db, orgId, [...kept, ...created])) {
    effects.push({ action: 'delete_agent', id, file })
  }
  for (const effect of effects) await recordAudit(db, [orgId], auditEntryOf(effect))
  return effects
}

async function fileAgentsByName(db: Db): Promise<Map<string, Agent>> {
  const stored = await listFileAgents(db, orgId)
  return new Map(stored.map((agent) => [agent.name, agent]))
}

type Reading = { agents: readonly FileAgent[]; byName: ReadonlyMap<string, Agent> }

/** Checks all agents. Contract: throws ProjectError with the problems of all files. */
async function readAgents(
  node: Node,
  db: Db,
  { agents, byName }: Reading,
): Promise<StorableAgent[]> {
  const problems: ProjectProblem[] = []
  const files = new Map<string, string>()
  const read: StorableAgent[] = []
  for (const { file, agent: given } of agents) {
    try {
      const agent = complete(given)
      const first = files.get(agent.name)
      if (first !== undefined) {
        problems.push({ file, message: `has the agent ${agent.name}, which ${first} has too.` })
        continue
      }
      files.set(agent.name, file)
      const known = byName.get(agent.name)
      const isSame = known !== undefined && isStored(known, { file, agent })
      await checkAgent(node, { db, orgId }, isSame ? ownPartsOf(agent) : agent)
      read.push({ file, agent })
    } catch (error) {
      problems.push(...problemsIn(file, error))
    }
  }
  if (problems.length > 0) throw new ProjectError(problems)
  return read
}

type CompleteAgent = ReturnType<typeof complete>
type StorableAgent = { file: string; agent: CompleteAgent }

/** The agent of a file with all its fields: absent ones become empty. An id is dropped. */
function complete(given: NewAgent) {
  const agent = fitting(NewAgent, storable(agentAsJson(given)))
  return {
    name: agent.name,
    display_name: agent.display_name ?? undefined,
    description: agent.description ?? undefined,
    system_prompt: agent.system_prompt,
    default_model_id: agent.default_model_id ?? undefined,
    tags: agent.tags ?? [],
    capabilities: agent.capabilities ?? [],
    tools: checkClientTools(agent.tools),
    output_schema: checkedSchema(agent.output_schema),
    initial_files: agent.initial_files ?? [],
    max_iterations: agent.max_iterations ?? undefined,
    parallel_tool_calls: agent.parallel_tool_calls ?? undefined,
    network_access: agent.network_access ?? undefined,
    retention_days: agent.retention_days ?? null,
  }
}

function checkedSchema(given: NewAgent['output_schema']) {
  const schema = checkOutputSchema(given)
  return isSchema(schema) ? schema : undefined
}

/** Writes and reads an agent as JSON, as a request would. Contract: throws 400 if it cannot. */
function agentAsJson(agent: NewAgent): unknown {
  try {
    return JSON.parse(JSON.stringify(agent))
  } catch (error) {
    throw new ApiError(
      'invalid_request',
      `it cannot be written as JSON: ${(error as Error).message}`,
    )
  }
}

function isStored(stored: Agent, { file, agent }: StorableAgent): boolean {
  const { status, source_file, tools = [], initial_files = [], retention_days = null } = stored
  const before = { ...stored, tools, initial_files, retention_days } as CompleteAgent
  const names = Object.keys(agent) as (keyof CompleteAgent)[]
  // The order of properties matters to models, so it counts as a difference.
  const isSameSchema = JSON.stringify(stored.output_schema) === JSON.stringify(agent.output_schema)
  return (
    status === 'active' &&
    source_file === file &&
    isSameSchema &&
    names.every((name) => isDeepStrictEqual(before[name], agent[name]))
  )
}

/**
 * The parts of an unchanged agent that depend on code only. Models and MCP servers change through
 * the API, which must not prevent the next start.
 */
const ownPartsOf = ({ default_model_id: _, capabilities, ...parts }: CompleteAgent) => ({
  ...parts,
  capabilities: capabilities.filter(({ ref }) => !isMcpRef(ref)),
})

const auditEntryOf = ({ action, id, file }: AgentEffect) => ({
  actor_type: 'server' as const,
  actor_id: null,
  actor_name: null,
  action,
  target: id,
  address: null,
  user_agent: null,
  request_id: null,
  details: { source_file: file },
})
