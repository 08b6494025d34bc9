import type { CapabilityUse } from '@outlast/contract'
import { invalidAt } from '../../errors.ts'
import { mask } from '../../secrets.ts'
import type { Capability } from '../capability.ts'
import { isMcpRef } from '../mcp/ref.ts'

type Uses = readonly CapabilityUse[]
type Config = Record<string, unknown>

const known = new WeakMap<Capability, readonly string[]>()

/** The fields of a config that its schema marks `writeOnly`; all fields without a schema. */
function secretFields(list: readonly Capability[], use: CapabilityUse): readonly string[] {
  const capability = list.find(({ id }) => id === use.ref)
  // Config of MCP servers has no secrets, which also saves a look-up.
  if (isMcpRef(use.ref)) return []
  if (!capability) return Object.keys(configOf(use))
  let fields = known.get(capability)
  if (!fields) {
    const isSecret = (schema: unknown) => (schema as { writeOnly?: boolean }).writeOnly === true
    const all = Object.entries(capability.config.properties ?? {})
    fields = all.filter(([, schema]) => isSecret(schema)).map(([name]) => name)
    known.set(capability, fields)
  }
  return fields
}

const configOf = ({ config }: CapabilityUse) => (config ?? {}) as Config

/** An agent or session for clients, with masked secrets. Contract: pure. */
export function masked<T extends { capabilities: CapabilityUse[] }>(
  list: readonly Capability[],
  thing: T,
): T {
  if (thing.capabilities.length === 0) return thing
  return { ...thing, capabilities: thing.capabilities.map((use) => maskedUse(list, use)) }
}

function maskedUse(list: readonly Capability[], use: CapabilityUse): CapabilityUse {
  const secret = secretFields(list, use).filter((name) => configOf(use)[name] != null)
  if (secret.length === 0) return use
  const hidden = Object.fromEntries(secret.map((name) => [name, mask]))
  return { ...use, config: { ...configOf(use), ...hidden } }
}

/**
 * Restores masked secrets in a client's request from `stored`.
 * Contract: throws 400 for a masked value without a stored secret.
 */
export function unmasked(list: readonly Capability[], uses: Uses, stored: Uses): CapabilityUse[] {
  return uses.map((use, index) => {
    const before = stored.find(({ ref }) => ref === use.ref)
    const sent = secretFields(list, use).filter((name) => configOf(use)[name] === mask)
    const kept = sent.map((name) => {
      const value = before && configOf(before)[name]
      if (value === undefined) {
        throw invalidAt(`capabilities/${index}/config/${name}`, 'is masked: send the secret itself')
      }
      return [name, value]
    })
    return kept.length === 0
      ? use
      : { ...use, config: { ...configOf(use), ...Object.fromEntries(kept) } }
  })
}

/** True when a config has a masked secret to restore. */
export const isMasked = (list: readonly Capability[], uses: Uses) =>
  uses.some((use) => secretFields(list, use).some((name) => configOf(use)[name] === mask))

/** Removes secrets from uses, for files. */
export function withoutSecrets(list: readonly Capability[], uses: Uses): CapabilityUse[] {
  return uses.map((use) => {
    const secret = new Set(secretFields(list, use))
    const open = Object.entries(configOf(use)).filter(([name]) => !secret.has(name))
    return use.config && secret.size > 0 ? { ...use, config: Object.fromEntries(open) } : use
  })
}
