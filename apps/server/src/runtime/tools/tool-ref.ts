import type { Tool } from '../../capabilities/capability.ts'
import type { RuntimeAgent } from '../../capabilities/catalog/catalog.ts'
import { ownerOf } from '../../capabilities/catalog/catalog.ts'
import type { ToolRules } from '../../store/sessions/tool-rules.ts'
import { textHash } from '../../store/stored-texts.ts'
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

/** True if a rule is about the tool. One of an older server has no reference. */
const isAbout = (rule: ToolDecision, ref: string) =>
  rule.ref === undefined ? !ref.startsWith(mcp) : rule.ref === ref

function storedRule(rules: ToolRules | null | undefined, name: string): ToolDecision | undefined {
  if (!rules || !Object.hasOwn(rules, name)) return undefined
  const { decision, tool_ref: ref } = rules[name]!
  return { decision, ref }
}

/**
 * The decision of a person for all calls of a tool: in this turn, in its session or of its agent.
 * A rejection wins.
 */
export function ruleFor(turn: Turn, tool: Tool): ToolDecision['decision'] | undefined {
  const { state, taken } = turn
  const ofSession = state.rules.get(tool.name) ?? storedRule(taken.tool_rules, tool.name)
  const ofAgent = storedRule(taken.agent_tool_rules, tool.name)
  const rules = [ofSession, ofAgent].filter((rule) => rule !== undefined)
  if (rules.length === 0) return undefined
  const ref = toolRefOf(turn, tool)
  const decisions = rules.filter((rule) => isAbout(rule, ref)).map(({ decision }) => decision)
  return decisions.includes('reject') ? 'reject' : decisions[0]
}
