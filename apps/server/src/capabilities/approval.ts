import type { Capability, Tool } from './capability.ts'

type Config = Readonly<Record<string, unknown>>

/** The names that config may use for a tool. */
const namesOf = ({ name, remoteName }: Tool) =>
  remoteName === undefined ? [name] : [name, remoteName]

/** The names of tools that config puts under approval. */
export const wantedNames = ({ requires_approval: wanted }: Config): readonly string[] =>
  Array.isArray(wanted) ? wanted : []

/** The index of an approval name that no tool has with this config; -1 where every name has one. */
export function unmatchedAt(capability: Capability, config: Config): number {
  const wanted = wantedNames(config)
  if (wanted.length === 0 || capability.isUnlisted) return -1
  const names = new Set(capability.tools({ ...config }).flatMap(namesOf))
  return wanted.findIndex((name) => !names.has(name))
}

/** True when config puts any tool under approval. */
export const asksForApproval = (config: Config) =>
  config.requires_approval === true || wantedNames(config).length > 0

/** An approval name that no tool of the capability has, with this config or with none. */
export function unmatchedName(capability: Capability, config: Config): string | undefined {
  const wanted = wantedNames(config)
  if (wanted.length === 0) return undefined
  const tools = [...capability.tools({ ...config }), ...capability.tools({})]
  const names = new Set(tools.flatMap(namesOf))
  return wanted.find((name) => !names.has(name))
}

/**
 * The tools of a capability with the policies that they have by its config.
 * Contract: pure. An approval name that no tool has puts all tools under approval: the tool that it
 * was meant for may have another name by now. Where names are given, a tool that is not reviewed
 * needs approval too.
 */
export function toolsWithPolicies(capability: Capability, config: Config): Tool[] {
  const wanted = wantedNames(config)
  const isForAll =
    config.requires_approval === true ||
    capability.isAmbiguous ||
    unmatchedName(capability, config) !== undefined
  return capability.tools({ ...config }).map((tool): Tool => {
    const isNamed = namesOf(tool).some((name) => wanted.includes(name))
    const isWanted = isForAll || isNamed || (tool.isChanged && wanted.length > 0)
    return isWanted ? { ...tool, policy: 'requires_approval' } : tool
  })
}
