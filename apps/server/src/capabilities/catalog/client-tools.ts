import type { ClientTool } from '@outlast/contract'
import type { TObject } from 'typebox'
import { ApiError, invalidAt } from '../../errors.ts'
import type { Tool } from '../capability.ts'

const parametersBytesMax = 65_536

/** Validates a request's tools and removes unknown fields. Contract: throws 400 with the path. */
export function checkClientTools(
  tools: readonly ClientTool[] | null | undefined,
  path = 'tools',
): ClientTool[] {
  const seen = new Set<string>()
  return (tools ?? []).map((tool, index) => {
    const { type, name, description, parameters, policy, timeout_seconds } = tool
    if (seen.has(name)) throw invalidAt(`${path}/${index}/name`, `repeats ${name}`)
    seen.add(name)
    if (Buffer.byteLength(JSON.stringify(parameters ?? {})) > parametersBytesMax) {
      const message = `must not have more than ${parametersBytesMax} bytes`
      throw invalidAt(`${path}/${index}/parameters`, message)
    }
    return {
      type,
      name,
      description,
      ...(parameters && { parameters }),
      ...(policy && { policy }),
      ...(timeout_seconds !== undefined && { timeout_seconds }),
    }
  })
}

/**
 * Combines the client tools of agent and session. A session's tool replaces the agent's tool of the
 * same name, and requires approval if the agent's does.
 * Contract: pure.
 */
export function clientToolsOf(
  agentTools: readonly ClientTool[],
  sessionTools: readonly ClientTool[],
): ClientTool[] {
  const tools = new Map(agentTools.map((tool) => [tool.name, tool]))
  for (const tool of sessionTools) {
    const { policy = tool.policy } = isAsked(tools.get(tool.name)) ? approval : tool
    tools.set(tool.name, policy ? { ...tool, policy } : tool)
  }
  return [...tools.values()]
}

const approval = { policy: 'requires_approval' } as const
const isAsked = (tool: ClientTool | undefined) => tool?.policy === approval.policy

/** Refuses a session's tools that drop the approval of the agent's tools. Contract: throws 400. */
export function checkNarrowerTools(
  agentTools: readonly ClientTool[],
  sessionTools: readonly ClientTool[],
  path = 'tools',
): void {
  const odd = sessionTools.findIndex(
    ({ name, policy }) =>
      policy === 'auto' && isAsked(agentTools.find((tool) => tool.name === name)),
  )
  if (odd >= 0) throw widensAgent(`${path}/${odd}/policy`)
}

/** The error of a session's field that allows more than the agent. */
export function widensAgent(path: string) {
  const details = [{ path, message: 'allows more than the agent does' }]
  return new ApiError('session_widens_agent', path, details)
}

const runElsewhere = () => {
  throw new Error('The client runs this tool.')
}

/** Converts a client tool to an agent's tool. The client validates the input. */
export function asTool({
  name,
  description,
  parameters,
  policy,
  timeout_seconds,
}: ClientTool): Tool {
  return {
    name,
    description,
    replay: 'unsafe',
    policy: policy ?? 'auto',
    input: { properties: {}, ...parameters, type: 'object' } as unknown as TObject,
    client: { timeoutSeconds: timeout_seconds },
    run: runElsewhere,
  }
}
