import type { Capability } from '../authoring/capability.ts'
import type { Tool } from '../authoring/tool.ts'
import type { RunToolOptions, ToolRunResult } from './tool-run.ts'

/**
 * Runs a tool once, without a server or a database: validates the input, runs the tool with files
 * and storage in memory, and validates the result. Does not ask for approval.
 * Contract: throws ToolCallError where a model would get an error.
 */
export async function runTool(
  tool: Tool | Capability,
  input: unknown = {},
  options: RunToolOptions = {},
): Promise<ToolRunResult> {
  // The validation of schemas is loaded only by tests that need it.
  const { callTool } = await import('./tool-call.ts')
  return callTool(tool, input, options)
}
