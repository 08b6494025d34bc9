import type { EventHook } from '../../authoring/config.ts'
import type { Project } from '../../authoring/project.ts'
import type { Config } from '../../config.ts'

const namePattern = /^[a-z][a-z0-9_-]{0,62}$/

/**
 * Returns the event hooks that a node calls, by name. Nodes that run no turns call none.
 * Contract: throws when a name or a hook is invalid.
 */
export function eventHooksOf(
  { hooks: { event } }: Pick<Project, 'hooks'>,
  { ROLE }: Pick<Config, 'ROLE'>,
): ReadonlyMap<string, EventHook> {
  const hooks = new Map(
    Object.entries(typeof event === 'function' ? { default: event } : (event ?? {})),
  )
  for (const [name, hook] of hooks) {
    if (!namePattern.test(name)) {
      throw new Error(
        `hooks.event has the name ${JSON.stringify(name)}. Names are 1 to 63 of a-z, 0-9, _ and -, and begin with a letter.`,
      )
    }
    if (typeof hook !== 'function') throw new Error(`hooks.event.${name} is not a function.`)
  }
  return ROLE === 'api' ? new Map() : hooks
}
