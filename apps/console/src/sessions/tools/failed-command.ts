import type { ToolCallItem } from '@outlast/sdk'

const exitCode = /"exit_code":\s*(-?[1-9]\d*)/
/** The same in a result that the server truncated, where the JSON is a string within JSON. */
const truncatedExitCode = /[^\\]\\"exit_code\\":\s*(-?[1-9]\d*)/

/** Returns the exit code of a command that failed, although the tool itself returned a result. */
export function failedExitCode({
  arguments: { command },
  result,
}: Pick<ToolCallItem, 'arguments' | 'result'>): string | undefined {
  const part = result?.[0]
  if (typeof command !== 'string' || part?.type !== 'text') return undefined
  const pattern = part.text.startsWith('{"truncated":true') ? truncatedExitCode : exitCode
  return pattern.exec(part.text)?.[1]
}
