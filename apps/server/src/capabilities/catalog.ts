import type { CapabilityInfo, ClientTool, ErrorDetail, Preview } from '@outlast/contract'
import { ApiError, invalidAt } from '../errors.ts'
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
import type { Capability, Mount, Tool } from './capability.ts'
import { asTool, widensAgent } from './client-tools.ts'
import { isMcpRef } from './mcp/ref.ts'
import { widenedAt } from './session-rules.ts'
import { explainProblems, problemsOf } from './validation.ts'

/** What a model is given: one system prompt, and tools by name; and what it is made of. */
export type RuntimeAgent = {
  prompt: string
  tools: Map<string, Tool>
  parts: readonly Applied[]
  left: readonly LeftOut[]
}

/** A capability for the API, with the tools and the prompt that it has without config. */
export function describeCapability(capability: Capability): CapabilityInfo {
  const { id, name, description, status, icon, category, dependencies } = capability
  const tools = capability.tools({})
  const prompt = capability.prompt({})
  return {
    id,
    name,
    description,
    // What is disabled is shown to nobody who chooses.
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

export function describeTool({ name, description, input, policy = 'auto' }: Tool) {
  return { type: 'builtin' as const, name, description, parameters: { ...input }, policy }
}

/**
 * Refuses a list of uses in a request that could not be applied as it stands.
 * Contract: throws ApiError with details whose paths begin with `path`; returns when every use is
 * fine.
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
      const message = 'names a capability that does not exist'
      throw new ApiError('capability_unknown', ref, [{ path: `${at}/ref`, message }])
    }
    if (seen.has(ref)) throw invalidAt(`${at}/ref`, `repeats ${ref}`)
    if (capability.status !== 'available') {
      throw invalidAt(`${at}/ref`, `names ${ref}, which is ${capability.status.replace('_', ' ')}`)
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
  const [first] = details
  if (first) throw new ApiError('invalid_request', `${first.path} ${first.message}`, details)
  checkApproval(capability, config as Record<string, unknown>, path)
}

/** A name that no tool has would leave one without the approval that was meant for it. */
function checkApproval(
  capability: Capability,
  config: Record<string, unknown>,
  path: string,
): void {
  const odd = unmatchedAt(capability, config)
  if (odd < 0) return
  const { requires_approval: wanted } = config as { requires_approval: string[] }
  const message = `names ${wanted[odd]}, which is no tool of ${capability.id} with this config`
  throw invalidAt(`${path}/requires_approval/${odd}`, message)
}

type Combination = BothUses & {
  clientTools?: readonly ClientTool[] | undefined
  /** Where the session's uses stand in the request. */
  path?: string
}

/**
 * Refuses uses that are fine each, but not together: a session that allows more than its agent,
 * config of agent and session combined, tools of one name. Contract: throws ApiError with details.
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
  const owners = new Map<string, string>()
  for (const { capability, config } of appliedOf(list, uses).parts) {
    for (const { name } of capability.tools(config)) {
      const owner = owners.get(name) ?? capability.id
      if (owner !== capability.id) {
        throw invalidAt('capabilities', `${owner} and ${capability.id} both bring a tool ${name}`)
      }
      owners.set(name, owner)
    }
  }
  for (const { name } of clientTools) {
    const owner = owners.get(name)
    if (owner) throw invalidAt('tools', `bring a tool ${name}, which ${owner} brings too`)
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
 * Puts the capabilities of an agent and of a session together with the agent's prompt.
 * Contract: pure; never throws. What is gone, not available or has config that no longer fits its
 * schema is left out, and of tools with one name the first stays; those of the client come last.
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

/** The same for people: what the model gets, who brings it, and what does not take effect. */
export function describeAgent(
  { prompt, tools, parts, left }: RuntimeAgent,
  clientTools: readonly ClientTool[] = [],
): Omit<Preview, 'model'> {
  const owners = new Map<string, string>()
  for (const { capability, config } of parts) {
    for (const { name } of capability.tools(config)) {
      if (!owners.has(name)) owners.set(name, capability.id)
    }
  }
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
          `${owners.get(name)} brings a tool ${name}: that of the client has no effect.`,
      ),
      ...parts.flatMap(({ capability }) => capability.warnings ?? []),
    ],
  }
}

function approvalWarnings({ capability, config }: Applied): string[] {
  const name = unmatchedName(capability, config)
  if (name === undefined || capability.isUnlisted) return []
  return [
    `requires_approval names ${name}, which is no tool of ${capability.name}: all its tools require approval.`,
  ]
}

/** The initial files of a session with these capabilities; of two at one path the first. */
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
 * Refuses a list of capabilities that could not be put together: for whoever adds one, at the start
 * of the server.
 * Contract: throws an Error that names the capability.
 */
export function checkCatalog(list: readonly Capability[]): void {
  const byId = new Map<string, Capability>()
  for (const capability of list) {
    if (byId.has(capability.id)) throw new Error(`Two capabilities are called ${capability.id}.`)
    byId.set(capability.id, capability)
  }
  const done = new Set<string>()
  const visit = (id: string, above: readonly string[]) => {
    if (above.includes(id)) {
      const cycle = [...above.slice(above.indexOf(id)), id].join(' needs ')
      throw new Error(`Capabilities need each other in a circle: ${cycle}.`)
    }
    if (done.has(id)) return
    const capability = byId.get(id)
    if (!capability)
      throw new Error(`${above.at(-1)} needs ${id}, and there is no such capability.`)
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
  if (problemsOf(config, {}).length > 0) throw new Error(`${id} does not take an empty config.`)
  if (hidesTooDeep(config))
    throw new Error(`${id} has a writeOnly field inside another one: nothing would mask it.`)
  prompt({})
  for (const { path } of mounts({})) {
    if (!path.startsWith('/'))
      throw new Error(`${id} has a file at ${path}, which is no absolute path.`)
  }
  const names = tools({}).map(({ name }) => name)
  const odd = names.find((name) => !/^[a-zA-Z0-9_-]{1,64}$/.test(name))
  if (odd !== undefined) throw new Error(`${id} has a tool ${odd}: models take no such name.`)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw new Error(`${id} has two tools called ${twice}.`)
}

/** True where `writeOnly` stands anywhere but at the config's own fields. */
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

/** What is wrong with the arguments of a tool call, in one sentence for the model. */
export function checkToolInput(tool: Tool, input: unknown): string | undefined {
  if (tool.client || tool.unchecked) return undefined
  const problems = problemsOf(tool.input, input)
  return problems.length === 0
    ? undefined
    : `Invalid arguments for ${tool.name}: ${explainProblems(problems)}.`
}
