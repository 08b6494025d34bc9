import type { CapabilityUse } from '@outlast/contract'
import type { Capability } from './capability.ts'
import { narrowedConfig } from './session-rules.ts'
import { explainProblems, type Problem, problemsOf } from './validation.ts'

export type CapabilityConfig = Readonly<Record<string, unknown>>
export type CapabilityUseList = readonly CapabilityUse[]

/** The capabilities that agents name, those of the agent and those of its session. */
export type BothUses = { agentUses: CapabilityUseList; sessionUses: CapabilityUseList }

/** A capability that takes effect, and with which config. */
export type Applied = { capability: Capability; config: Record<string, unknown> }

/** A capability that has no effect, and why. `error`: its config is the reason. */
export type LeftOut = { ref: string; why: string; error?: string }

const appliedMax = 100

/**
 * Every capability that takes effect, once, dependencies first, with its config; and those that
 * have none.
 * Contract: pure; never throws. A capability whose config does not fit is left out: without it, its
 * limits would be gone.
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
    const { config, error } = configIn(capability, configsOf(list, capability, uses))
    if (error === undefined) parts.push({ capability, config })
    else left.push({ ref, error, why: `${error}: ${capability.name} has no effect.` })
  }
  for (const { ref } of [...uses.agentUses, ...uses.sessionUses]) visit(ref)
  return { parts, left }
}

function whyUnavailable(ref: string, capability: Capability | undefined): string {
  if (!capability) return `There is no capability ${ref} any more: it has no effect.`
  return `The capability ${ref} is ${capability.status.replace('_', ' ')}: it has no effect.`
}

/** What the agent and the session say of a capability. Undefined where they do not name it. */
export type Configs = { agent: unknown; session: unknown }

/** Contract: a server that the session adds keeps to what the agent says of the same address. */
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

/** What an agent says of other servers at the same address, together. */
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

/** The config that takes effect, or what is wrong with it. */
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
  error: `The config ${owner} for ${id} is not valid (${explainProblems(problems, 'it')})`,
})
