import type { CapabilityInfo, ClientTool, ErrorDetail, Preview } from '@outlast/contract'
import { ApiError, invalidAt, invalidFields } from '../../errors.ts'
import { type Capability, demoCategory, type Mount, type Tool } from '../capability.ts'
import { isMcpRef, meantRef } from '../mcp/ref.ts'
import { problemsOf } from '../schemas/validation.ts'
import { widenedAt } from '../session-rules.ts'
import {
  type Applied,
  appliedOf,
  type BothUses,
  type CapabilityConfig,
  type CapabilityUseList,
  type Configs,
  configIn,
  configsOf,
  type LeftOut,
} from './applied.ts'
import { toolsWithPolicies, unmatchedAt, unmatchedName } from './approval.ts'
import { asTool, widensAgent } from './client-tools.ts'

/** The agent of a turn: one system prompt, tools by name, and the capabilities behind them. */
export type RuntimeAgent = {
  prompt: string
  tools: Map<string, Tool>
  parts: readonly Applied[]
  left: readonly LeftOut[]
}

/** Describes a capability for the API, with its tools and prompt for an empty config. */
export function describeCapability(capability: Capability): CapabilityInfo {
  const { id, name, description, status, icon, category, dependencies } = capability
  const tools = capability.tools({})
  const prompt = capability.prompt({})
  return {
    id,
    name,
    description,
    // `disabled` is not a status of the API.
    status: status === 'disabled' ? 'deprecated' : status,
    icon,
    category,
    ...(isMcpRef(id) && { is_mcp: true }),
    ...(dependencies.length > 0 && { dependencies: [...dependencies] }),
    ...(prompt && { system_prompt: prompt }),
    ...(tools.length > 0 && { tool_definitions: tools.map(describeTool) }),
    config_schema: { ...capability.config },
  }
}

/** Compares capabilities for lists: by id, demo capabilities last. */
export function compareListed(one: CapabilityInfo, other: CapabilityInfo): number {
  const group = ({ category }: CapabilityInfo) => (category === demoCategory ? 1 : 0)
  return group(one) - group(other) || (one.id < other.id ? -1 : 1)
}

export function describeTool({ name, description, input, policy = 'auto' }: Tool) {
  return { type: 'builtin' as const, name, description, parameters: { ...input }, policy }
}

/**
 * Validates the capability uses of a request.
 * Contract: throws ApiError with details whose paths begin with `path`; returns when all uses are
 * valid.
 */
export function checkUses(
  list: readonly Capability[],
  uses: CapabilityUseList,
  path = 'capabilities',
): void {
  const seen = new Set<string>()
  for (const [index, { ref, config }] of uses.entries()) {
    const at = `${path}/${index}`
    const capability = list.find(({ id }) => id === ref)
    if (!capability) {
      const meant = meantRef(ref)
      const hint = meant ? `. Did you mean \`${meant}\`?` : ''
      const message = `is not the id of a capability${hint}`
      throw new ApiError('capability_unknown', ref, [{ path: `${at}/ref`, message }])
    }
    if (seen.has(ref)) throw invalidAt(`${at}/ref`, `repeats ${ref}`)
    if (capability.status !== 'available') {
      throw invalidAt(`${at}/ref`, `is ${ref}, which is ${capability.status.replace('_', ' ')}`)
    }
    seen.add(ref)
    checkConfig(capability, config ?? {}, `${at}/config`)
  }
}

function checkConfig(capability: Capability, config: unknown, path: string): void {
  const details: ErrorDetail[] = problemsOf(capability.config, config).map((problem) => ({
    path: path + problem.path,
    message: problem.message,
  }))
  if (details.length > 0) throw invalidFields(details)
  checkApproval(capability, config as Record<string, unknown>, path)
}

/** Refuses approval names without a tool: the intended tool would run without approval. */
function checkApproval(
  capability: Capability,
  config: Record<string, unknown>,
  path: string,
): void {
  const odd = unmatchedAt(capability, config)
  if (odd < 0) return
  const { requires_approval: wanted } = config as { requires_approval: string[] }
  const message = `is ${wanted[odd]}, which is not a tool of ${capability.id} with this config`
  throw invalidAt(`${path}/requires_approval/${odd}`, message)
}

type Combination = BothUses & {
  clientTools?: readonly ClientTool[] | undefined
  /** Path of the session's uses in the request. */
  path?: string
}

/**
 * Refuses uses that are valid alone but not together: a session that allows more than its agent, an
 * invalid combined config, and tools of the same name.
 * Contract: throws ApiError with details.
 */
export function checkCombination(
  list: readonly Capability[],
  { clientTools = [], path = 'capabilities', ...uses }: Combination,
): void {
  for (const [index, { ref }] of uses.sessionUses.entries()) {
    const capability = list.find(({ id }) => id === ref)
    if (capability)
      checkNarrower(capability, configsOf(list, capability, uses), `${path}/${index}/config`)
  }
  checkToolNames(list, { ...uses, clientTools })
}

/** Refuses tools of the same name. Contract: throws 400. */
export function checkToolNames(
  list: readonly Capability[],
  { clientTools = [], ...uses }: Omit<Combination, 'path'>,
): void {
  const owners = new Map<string, string>()
  for (const { capability, config } of appliedOf(list, uses).parts) {
    for (const { name } of capability.tools(config)) {
      const owner = owners.get(name) ?? capability.id
      if (owner !== capability.id) {
        throw invalidAt('capabilities', `${owner} and ${capability.id} both have a tool ${name}`)
      }
      owners.set(name, owner)
    }
  }
  for (const { name } of clientTools) {
    const owner = owners.get(name)
    if (owner) throw invalidAt('tools', `have a tool ${name}, which ${owner} has too`)
  }
}

function checkNarrower(capability: Capability, configs: Configs, path: string): void {
  const { agent, session } = configs
  const fits = agent !== undefined && problemsOf(capability.config, agent).length === 0
  const below =
    fits &&
    widenedAt(capability.sessionRules, agent as CapabilityConfig, session as CapabilityConfig)
  if (typeof below === 'string') throw widensAgent(path + below)
  const { error } = configIn(capability, configs)
  if (error !== undefined) throw invalidAt(path, `cannot be combined with the agent's: ${error}`)
}

/**
 * Combines the capabilities of an agent and of a session with the agent's prompt.
 * Contract: pure; never throws. Leaves out capabilities that are missing, unavailable or have an
 * invalid config. The first of several tools with one name applies; tools of the client come last.
 */
export function assemble(
  list: readonly Capability[],
  agent: BothUses & { agentPrompt: string; clientTools?: readonly ClientTool[] },
): RuntimeAgent {
  const { parts, left } = appliedOf(list, agent)
  const tools = new Map<string, Tool>()
  const remote = parts.filter(isRemote)
  const own = parts.filter((part) => !remote.includes(part))
  const clientTools = (agent.clientTools ?? []).map(asTool)
  for (const tool of [...own.flatMap(policed), ...clientTools, ...remote.flatMap(policed)]) {
    if (!tools.has(tool.name)) tools.set(tool.name, tool)
  }
  return { prompt: assemblePrompt(parts, agent.agentPrompt), tools, parts, left }
}

const policed = ({ capability, config }: Applied) => toolsWithPolicies(capability, config)

const isRemote = ({ capability }: Applied) => isMcpRef(capability.id)

const owners = new WeakMap<RuntimeAgent, ReadonlyMap<string, string>>()

/** The id of the capability of an agent's tool; undefined for a client tool. */
export function ownerOf(agent: RuntimeAgent, { name, client }: Tool): string | undefined {
  if (client) return undefined
  let known = owners.get(agent)
  if (!known) {
    known = toolOwners([...agent.parts].sort((a, b) => Number(isRemote(a)) - Number(isRemote(b))))
    owners.set(agent, known)
  }
  return known.get(name)
}

/** The capability ids of tools by name. The first of several tools with one name applies. */
function toolOwners(parts: readonly Applied[]): Map<string, string> {
  const found = new Map<string, string>()
  for (const { capability, config } of parts) {
    for (const { name } of capability.tools(config)) {
      if (!found.has(name)) found.set(name, capability.id)
    }
  }
  return found
}

/**
 * Describes an agent for people: model input, the origin of each tool, and parts without effect.
 */
export function describeAgent(
  { prompt, tools, parts, left }: RuntimeAgent,
  clientTools: readonly ClientTool[] = [],
): Omit<Preview, 'model'> {
  const owners = toolOwners(parts)
  const described = [...tools.values()].map((tool) =>
    tool.client
      ? { ...describeTool(tool), type: 'client_side' as const }
      : { ...describeTool(tool), capability_id: owners.get(tool.name)! },
  )
  const hidden = clientTools.filter(({ name }) => !tools.get(name)?.client)
  return {
    system_prompt: prompt,
    tools: described,
    capabilities: parts.map(({ capability, config }) => ({ ref: capability.id, config })),
    warnings: [
      ...left.map(({ why }) => why),
      ...parts.flatMap(approvalWarnings),
      ...hidden.map(
        ({ name }) =>
          `${owners.get(name)} has a tool ${name}: the client's tool of that name has no effect.`,
      ),
      ...parts.flatMap(({ capability }) => capability.warnings ?? []),
    ],
  }
}

function approvalWarnings({ capability, config }: Applied): string[] {
  const name = unmatchedName(capability, config)
  if (name === undefined || capability.isUnlisted) return []
  return [
    `requires_approval has ${name}, which is not a tool of ${capability.name}: all its tools require approval.`,
  ]
}

/**
 * The initial files of a session with these capabilities. The first of several files at one path
 * applies.
 */
export function mountsOf(list: readonly Capability[], uses: BothUses): Mount[] {
  const mounts = new Map<string, Mount>()
  for (const { capability, config } of appliedOf(list, uses).parts) {
    for (const mount of capability.mounts(config)) {
      if (!mounts.has(mount.path)) mounts.set(mount.path, mount)
    }
  }
  return [...mounts.values()]
}

/**
 * Validates the list of capabilities at the start of the server.
 * Contract: throws an Error that names the capability.
 */
export function checkCatalog(list: readonly Capability[]): void {
  const byId = new Map<string, Capability>()
  for (const capability of list) {
    if (byId.has(capability.id)) throw new Error(`Two capabilities have the id ${capability.id}.`)
    byId.set(capability.id, capability)
  }
  const done = new Set<string>()
  const visit = (id: string, above: readonly string[]) => {
    if (above.includes(id)) {
      const cycle = [...above.slice(above.indexOf(id)), id].join(' needs ')
      throw new Error(`Dependencies of capabilities form a circle: ${cycle}.`)
    }
    if (done.has(id)) return
    const capability = byId.get(id)
    if (!capability) throw new Error(`${above.at(-1)} needs ${id}, which does not exist.`)
    for (const dependency of capability.dependencies) visit(dependency, [...above, id])
    done.add(id)
  }
  for (const { id } of list) visit(id, [])
  for (const capability of list) checkDefinition(capability)
}

function checkDefinition({ id, config, sessionRules, tools, prompt, mounts }: Capability): void {
  const free = Object.keys(config.properties ?? {}).find(
    (name) => !Object.hasOwn(sessionRules, name),
  )
  if (free !== undefined)
    throw new Error(`${id} has a config field ${free} without a session rule.`)
  if (problemsOf(config, {}).length > 0) throw new Error(`${id} does not accept an empty config.`)
  if (hidesTooDeep(config))
    throw new Error(`${id} has a nested writeOnly field, which would not be masked.`)
  prompt({})
  for (const { path } of mounts({})) {
    if (!path.startsWith('/'))
      throw new Error(`${id} has a file at ${path}, which is not an absolute path.`)
  }
  const names = tools({}).map(({ name }) => name)
  const odd = names.find((name) => !/^[a-zA-Z0-9_-]{1,64}$/.test(name))
  if (odd !== undefined)
    throw new Error(
      `${id} has a tool ${odd}: models accept only letters, digits, _ and - in names.`,
    )
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw new Error(`${id} has two tools with the name ${twice}.`)
}

/** True when a field below the top level of a config is `writeOnly`. */
function hidesTooDeep({ properties = {} }: Capability['config']): boolean {
  return Object.values(properties).some((field) =>
    JSON.stringify({ ...field, writeOnly: false }).includes('"writeOnly":true'),
  )
}

function assemblePrompt(parts: readonly Applied[], agentPrompt: string): string {
  const texts = parts.flatMap(({ capability, config }) => {
    const text = capability.prompt(config)?.trim()
    return text ? [`<capability id="${capability.id}">\n${text}\n</capability>`] : []
  })
  if (texts.length === 0) return agentPrompt
  return [...texts, `<system-prompt>\n${agentPrompt}\n</system-prompt>`].join('\n\n')
}
