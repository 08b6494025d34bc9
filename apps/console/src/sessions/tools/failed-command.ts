import type { ToolCallItem } from '@outlast/sdk'

/** True for a call whose command failed, although the tool itself returned a result. */
export function isFailedCommand({
  arguments: { command },
  result,
}: Pick<ToolCallItem, 'arguments' | 'result'>): boolean {
  const part = result?.[0]
  if (typeof command !== 'string' || part?.type !== 'text') return false
  return /"exit_code":\s*-?[1-9]/.test(part.text)
}
