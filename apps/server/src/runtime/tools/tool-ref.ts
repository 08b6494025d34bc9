import type { Tool } from '../../capabilities/capability.ts'
import type { RuntimeAgent } from '../../capabilities/catalog/catalog.ts'
import { ownerOf } from '../../capabilities/catalog/catalog.ts'
import { textHash } from '../../store/stored-texts.ts'
import type { ToolRules } from '../../store/turns/tool-rules.ts'
import type { Turn } from '../journal/attempt.ts'
import type { ToolDecision } from '../log/open-calls.ts'

const clientTool = 'client:agent'
const sessionTool = 'client:session'
const mcp = 'mcp:'

/** True for a client tool that the session or a message defines. */
export const isOfSession = (ref: string) => ref.startsWith(`${sessionTool}/`)

/**
 * Identifies a tool by its origin: the id of its capability with the address of an MCP server, or
 * the owner of a client tool, and its own name there. Another tool never has the same reference,
 * also if models see it under the same name.
 */
export function toolRefOf(
  { agent, sessionTools }: Pick<Turn, 'agent' | 'sessionTools'>,
  tool: Tool,
) {
  const owner = ownerOf(agent, tool)
  const name = tool.remoteName ?? tool.name
  if (owner === undefined) {
    return `${sessionTools.has(tool.name) ? sessionTool : clientTool}/${name}`
  }
  return `${owner}${addressMark(agent, owner)}/${name}`
}

/** An MCP server that moves to another address is another server. */
function addressMark({ parts }: RuntimeAgent, owner: string): string {
  const address = parts.find(({ capability }) => capability.id === owner)?.capability.address
  return address === undefined ? '' : `@${textHash(address).slice(0, 8)}`
}

type NamedRule = [toolName: string, rule: ToolDecision]

const storedRules = (rules: ToolRules | null | undefined): NamedRule[] =>
  Object.entries(rules ?? {}).map(([name, { decision, tool_ref: ref }]) => [
    name,
    { decision, ref },
  ])

/**
 * Finds the rule of a tool, also one that it got under another name: models may see the tool of a
 * renamed MCP server under a new one. That of its name is the latest; among others a rejection
 * wins. A rule of an older server has no reference.
 */
function findRule(rules: Iterable<NamedRule>, name: string, ref: string): ToolDecision | undefined {
  const about = [...rules].filter(([ruleName, rule]) => {
    const isOlder = rule.ref === undefined && ruleName === name && !ref.startsWith(mcp)
    return rule.ref === ref || isOlder
  })
  const named = about.find(([ruleName]) => ruleName === name)
  const rejecting = about.find(([, { decision }]) => decision === 'reject')
  return (named ?? rejecting ?? about[0])?.[1]
}

/**
 * The decision of a person for all calls of a tool, in its session or of its agent: as of the take
 * of the turn, or made since then. A rejection wins.
 */
export function ruleFor(turn: Turn, tool: Tool): ToolDecision['decision'] | undefined {
  const { state, taken } = turn
  const ref = toolRefOf(turn, tool)
  const find = (rules: Iterable<NamedRule>) => findRule(rules, tool.name, ref)?.decision
  const made = [...state.rules].filter(([, { sequence }]) => sequence > (taken.rules_at ?? 0))
  const ofSession = find(made) ?? find(storedRules(taken.tool_rules))
  const ofAgent = find(storedRules(taken.agent_tool_rules))
  return ofAgent === 'reject' ? ofAgent : (ofSession ?? ofAgent)
}
