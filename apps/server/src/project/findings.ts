/** Finds problems of a loaded project that need all of its parts. */
import type { FileAgent } from '../authoring/project.ts'
import type { Capability, Tool } from '../capabilities/capability.ts'
import { checkCombination, checkUses } from '../capabilities/catalog/catalog.ts'
import { checkClientTools } from '../capabilities/catalog/client-tools.ts'
import { schemaWarnings } from '../capabilities/catalog/schema-warnings.ts'
import { builtins } from '../capabilities/index.ts'
import { isMcpRef } from '../capabilities/mcp/ref.ts'
import { agentFileKeys } from '../http/routes/agents/agent-files/read.ts'
import { nearestName } from '../nearest-name.ts'
import { textPreview } from '../text.ts'
import { nameOfFile } from './files.ts'
import type { LoadedProject } from './load.ts'
import { type ProjectProblem, problemsIn } from './problems.ts'

/**
 * Finds agents that cannot work with the capabilities of this server. MCP servers are in the
 * database and are not checked.
 */
export function agentProblems({ agents = [], capabilities }: LoadedProject): ProjectProblem[] {
  const list = [...builtins, ...capabilities]
  return agents.flatMap(({ file, agent }) => problemsOfAgent(list, agent, file))
}

function problemsOfAgent(
  list: readonly Capability[],
  { capabilities, tools }: FileAgent['agent'],
  file: string,
): ProjectProblem[] {
  const uses = (capabilities ?? []).filter(({ ref }) => !isMcpRef(ref))
  try {
    const clientTools = checkClientTools(tools)
    checkUses(list, uses)
    checkCombination(list, { agentUses: uses, sessionUses: [], clientTools })
    return []
  } catch (error) {
    return problemsIn(file, error)
  }
}

/**
 * Finds keys of agent files that have no effect, and tools that some model vendor refuses, or that
 * exclude a built-in capability.
 */
export const projectWarnings = (project: LoadedProject): ProjectProblem[] => [
  ...(project.agents ?? []).flatMap(({ file, ignored = [] }) =>
    ignored.map(({ key, ...place }) => ({ file, ...place, message: ignoredKey(key) })),
  ),
  ...toolWarnings(project),
]

function ignoredKey(key: string): string {
  const meant =
    nearestName(key, agentFileKeys) ?? agentFileKeys.find((one) => one.split('_').includes(key))
  const hint = meant ? ` Did you mean ${meant}?` : ''
  return `${textPreview(key)} is not a key of an agent and has no effect.${hint}`
}

function toolWarnings(project: LoadedProject): ProjectProblem[] {
  return project.capabilities.flatMap((capability) =>
    capability.tools({}).flatMap((tool) => {
      const file = fileOfTool(project, capability, tool)
      return [...nameWarnings(tool), ...inputWarnings(tool)].map((message) => ({ file, message }))
    }),
  )
}

const inputWarnings = ({ name, input }: Tool): string[] =>
  schemaWarnings({ ...input }).map((problem) => `The input of the tool ${name} ${problem}`)

function nameWarnings({ name }: Tool): string[] {
  const owner = builtins.find((one) => one.tools({}).some((tool) => tool.name === name))
  if (!owner) return []
  return [`${owner.id} has a tool ${name} too: an agent cannot use both.`]
}

/** The file of a tool, or of its capability. */
export function fileOfTool(
  { files }: LoadedProject,
  { file = '' }: Capability,
  tool: Tool,
): string {
  return files.find((one) => one.startsWith(`${file}/`) && nameOfFile(one) === tool.name) ?? file
}
