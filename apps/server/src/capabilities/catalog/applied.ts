import type { CapabilityUse } from '@outlast/contract'
import type { Capability } from '../capability.ts'
import { explainProblems, type Problem, problemsOf } from '../schemas/validation.ts'
import { narrowedConfig } from '../session-rules.ts'

export type CapabilityConfig = Readonly<Record<string, unknown>>
export type CapabilityUseList = readonly CapabilityUse[]

/** The capability uses of an agent and of its session. */
export type BothUses = { agentUses: CapabilityUseList; sessionUses: CapabilityUseList }

/** A capability in effect, with its config. */
export type Applied = { capability: Capability; config: Record<string, unknown> }

/**
 * A capability without effect, with the reason. `error` is set when its config is the reason, and
 * `thrown` when a function of the project failed: its text may have secrets of the config.
 */
export type LeftOut = { ref: string; why: string; error?: string; thrown?: unknown }

const appliedMax = 100

/**
 * Returns the capabilities in effect, once each, dependencies first, with their config; and those
 * without effect.
 * Contract: pure; never throws. A capability with an invalid config is left out: its limits could
 * not be applied.
 */
export function appliedOf(
  list: readonly Capability[],
  uses: BothUses,
): { parts: Applied[]; left: LeftOut[] } {
  const seen = new Set<string>()
  const parts: Applied[] = []
  const left: LeftOut[] = []
  const visit = (ref: string) => {
    if (seen.has(ref)) return
    seen.add(ref)
    const capability = list.find(({ id }) => id === ref)
    if (capability?.status !== 'available') {
      left.push({ ref, why: whyUnavailable(ref, capability) })
      return
    }
    for (const dependency of capability.dependencies) visit(dependency)
    if (parts.length === appliedMax) {
      left.push({ ref, why: `More than ${appliedMax} capabilities: ${ref} has no effect.` })
      return
    }
    const { config, error: invalid } = configIn(capability, configsOf(list, capability, uses))
    const failed =
      invalid === undefined ? failureWithConfig(capability, config) : { error: invalid }
    if (failed === undefined) parts.push({ capability, config })
    else left.push({ ref, ...failed, why: `${failed.error}: ${capability.name} has no effect.` })
  }
  for (const { ref } of [...uses.agentUses, ...uses.sessionUses]) visit(ref)
  return { parts, left }
}

/** The error of a user's capability that fails for this config. Built-in ones never fail. */
function failureWithConfig(
  { file, id, prompt, tools, mounts }: Capability,
  config: Applied['config'],
) {
  if (file === undefined) return undefined
  try {
    prompt(config)
    tools(config)
    mounts(config)
    return undefined
  } catch (thrown) {
    return { error: `${file} failed for the config of ${id}`, thrown }
  }
}

function whyUnavailable(ref: string, capability: Capability | undefined): string {
  if (!capability) return `The capability ${ref} does not exist: it has no effect.`
  return `The capability ${ref} is ${capability.status.replace('_', ' ')}: it has no effect.`
}

/** The configs of a capability for agent and session; undefined where the list lacks it. */
export type Configs = { agent: unknown; session: unknown }

/**
 * Contract: a session's MCP server gets the agent's config for other servers at the same address.
 */
export function configsOf(
  list: readonly Capability[],
  capability: Capability,
  { agentUses, sessionUses }: BothUses,
): Configs {
  const own = findConfig(agentUses, capability.id)
  const agent = own === undefined ? twinConfig(list, capability, agentUses) : own
  return { agent, session: findConfig(sessionUses, capability.id) }
}

function findConfig(uses: CapabilityUseList, ref: string): unknown {
  const use = uses.find((use) => use.ref === ref)
  return use && (use.config ?? {})
}

/** Combines the agent's configs for other servers at the same address. */
function twinConfig(
  list: readonly Capability[],
  { address, id, config, sessionRules }: Capability,
  agentUses: CapabilityUseList,
): unknown {
  if (address === undefined) return undefined
  const twins = list.filter((other) => other.address === address && other.id !== id)
  const configs = twins
    .map(({ id }) => findConfig(agentUses, id))
    .filter((one) => one !== undefined)
  if (configs.length === 0) return undefined
  const unfit = configs.find((one) => problemsOf(config, one).length > 0)
  if (unfit !== undefined) return unfit
  return (configs as CapabilityConfig[]).reduce((one, other) =>
    narrowedConfig(sessionRules, one, other),
  )
}

type Effective = { config: Record<string, unknown>; error?: string }

/** Returns the config in effect, or the error in it. */
export function configIn(capability: Capability, { agent, session }: Configs): Effective {
  const parts = [
    ['agent', agent],
    ['session', session],
  ] as const
  for (const [owner, part] of parts) {
    const problems = part === undefined ? [] : problemsOf(capability.config, part)
    if (problems.length > 0) return unfit(capability, `of the ${owner}`, problems)
  }
  const config = combined(capability, agent as CapabilityConfig, session as CapabilityConfig)
  const problems = problemsOf(capability.config, config)
  return problems.length > 0 ? unfit(capability, 'of agent and session', problems) : { config }
}

function combined(
  { sessionRules }: Capability,
  agent: CapabilityConfig | undefined,
  session?: CapabilityConfig,
) {
  if (agent && session) return { ...narrowedConfig(sessionRules, agent, session) }
  return { ...agent, ...session }
}

const unfit = ({ id }: Capability, owner: string, problems: Problem[]): Effective => ({
  config: {},
  error: `The config ${owner} for ${id} is invalid (${explainProblems(problems, 'it')})`,
})
