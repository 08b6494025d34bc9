import type { Capability, Tool } from '../capability.ts'

type Config = Readonly<Record<string, unknown>>

/** The names of a tool that config may use. */
const namesOf = ({ name, remoteName }: Tool) =>
  remoteName === undefined ? [name] : [name, remoteName]

/** The names in `requires_approval`. */
export const wantedNames = ({ requires_approval: wanted }: Config): readonly string[] =>
  Array.isArray(wanted) ? wanted : []

/** The index of the first approval name without a tool under this config; -1 without one. */
export function unmatchedAt(capability: Capability, config: Config): number {
  const wanted = wantedNames(config)
  if (wanted.length === 0 || capability.isUnlisted) return -1
  const names = new Set(capability.tools({ ...config }).flatMap(namesOf))
  return wanted.findIndex((name) => !names.has(name))
}

/** True when config requires approval for any tool. */
export const asksForApproval = (config: Config) =>
  config.requires_approval === true || wantedNames(config).length > 0

/** Returns an approval name without a tool, both with this config and with none. */
export function unmatchedName(capability: Capability, config: Config): string | undefined {
  const wanted = wantedNames(config)
  if (wanted.length === 0) return undefined
  const tools = [...capability.tools({ ...config }), ...capability.tools({})]
  const names = new Set(tools.flatMap(namesOf))
  return wanted.find((name) => !names.has(name))
}

/**
 * Returns the tools of a capability with their approval policies.
 * Contract: pure. An approval name without a tool makes all tools require approval: the intended
 * tool may have been renamed. When names are given, unreviewed tools require approval too.
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
