import { Type } from 'typebox'
import { emptyProject } from '../../../apps/server/src/authoring/project.ts'
import type { Tool } from '../../../apps/server/src/capabilities/capability.ts'
import { builtins } from '../../../apps/server/src/capabilities/index.ts'
import { recording } from '../recording.ts'

/** A version of the tools that a node has, and of its hook. */
export type CodeVersion = {
  /** `renamed`: its field has another name. `guarded`: it requires approval. */
  tools?: 'original' | 'renamed' | 'guarded' | 'gone'
  /** The world records each question to the hook. */
  hook?: true
}

const renamed = Type.Object({ letters: Type.String() })

function changed(tool: Tool, version: CodeVersion['tools']): Tool[] {
  if (version === 'gone') return []
  if (version === 'renamed') return [{ ...tool, input: renamed }]
  return [version === 'guarded' ? { ...tool, policy: 'requires_approval' } : tool]
}

/** The options of a node with this version of the code of `recording`. */
export function codeOf(worldUrl: string, { tools, hook }: CodeVersion) {
  const original = recording(worldUrl)
  const capability = {
    ...original,
    tools: () => original.tools({}).flatMap((tool) => changed(tool, tools)),
  }
  const hooks = hook && { call: askWorld(worldUrl) }
  return {
    capabilities: [...builtins, capability],
    project: { ...emptyProject, ...(hooks && { hooks }) },
  }
}

/** A hook that allows each call, once the world lets its question pass. */
const askWorld = (url: string) => async () => {
  const input = { words: 'hook' }
  const effect = { tool: 'hook', key: '', session: '', input }
  await fetch(`${url}/effects`, { method: 'POST', body: JSON.stringify(effect) })
  return undefined
}
