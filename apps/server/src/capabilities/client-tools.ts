import type { ClientTool } from '@outlast/contract'
import type { TObject } from 'typebox'
import { invalidAt } from '../errors.ts'
import type { Tool } from './capability.ts'

const parametersBytesMax = 65_536

/** What a list of tools in a request is kept as: without fields that mean nothing here. Contract: throws 400 with the path. */
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

/** The client's tools in a session: of two of one name the session's own. Contract: pure. */
export function clientToolsOf(
  agentTools: readonly ClientTool[],
  sessionTools: readonly ClientTool[],
): ClientTool[] {
  return [...new Map([...agentTools, ...sessionTools].map((tool) => [tool.name, tool])).values()]
}

const runElsewhere = () => {
  throw new Error('The client runs this tool.')
}

/** A tool of the client as an agent has it. What it takes, the client knows: its schema is for the model. */
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
