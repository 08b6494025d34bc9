import type { Static, TObject } from 'typebox'
import type { Mount } from '../capabilities/capability.ts'
import type { SessionRules } from '../capabilities/session-rules.ts'
import { type Branded, branded } from './brand.ts'
import type { Tool } from './tool.ts'

/** A value, or a function that derives it from the config. It must be pure. */
type FromConfig<Config, Value> = Value | ((config: Config) => Value)

export type CapabilityDefinition<Config> = {
  /** In snake_case. Default for a file in `capabilities/`: the name of the file. */
  id?: string
  /** Name for people. Default: the id in words. */
  name?: string
  description?: string
  /** Group in lists. Default: `Project`. */
  category?: string
  /** Name of a Lucide icon. Default: `puzzle`. */
  icon?: string
  status?: 'available' | 'coming_soon' | 'deprecated' | 'disabled'
  /** Ids of capabilities that it includes. */
  dependencies?: readonly string[]
  /** Text of the system prompt. */
  prompt?: FromConfig<Config, string | undefined>
  tools?: FromConfig<Config, readonly Tool[]>
  /** Files that a session has from its start. */
  mounts?: FromConfig<Config, readonly Mount[]>
  /** How a session's config combines with the agent's, by field. Default: `agent`. */
  sessionRules?: Partial<SessionRules<Config>>
}

/** Tools, prompt text and files that agents use together. */
export type Capability = CapabilityDefinition<Record<string, unknown>> &
  Branded<'capability'> & { config?: TObject }

/** Defines a capability. `config` is an object schema of TypeBox; an empty config must be valid. */
export function defineCapability<Config extends TObject = TObject>(
  capability: CapabilityDefinition<Static<Config>> & { config?: Config },
): Capability {
  return branded('capability', capability) as unknown as Capability
}
