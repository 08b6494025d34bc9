import type { ToolCall } from '@outlast/contract'
import type { ClientTool, ToolCallContext } from './client-tool.ts'

/** Largest result: the 8 MiB of a request, less its other content. */
const resultBytesMax = 8 * 1024 * 1024 - 16 * 1024
const errorLengthMax = 10_000

/** Error for the model instead of a result that is too long for the server. */
export const tooLong = 'The tool ran, but its result is too long to be sent.'

/**
 * Runs a tool of this program.
 * Contract: never rejects. A failure is the outcome, as is a result that is not JSON or too long.
 * `undefined` becomes `null`.
 */
export async function outcomeOf(
  tool: ClientTool,
  call: ToolCall,
  context: ToolCallContext,
): Promise<{ result: unknown } | { error: string }> {
  try {
    const result = await tool.run(call.arguments as never, context)
    // `stringify` returns undefined for a function, and does not throw.
    const json = JSON.stringify(result)
    if (json === undefined) return { result: null }
    return isTooLong(json) ? { error: tooLong } : { result }
  } catch (error) {
    return { error: sentenceOf(error).slice(0, errorLengthMax) }
  }
}

/** A UTF-16 unit takes at most 3 bytes. */
const isTooLong = (json: string) =>
  json.length * 3 > resultBytesMax && new TextEncoder().encode(json).length > resultBytesMax

function sentenceOf(error: unknown): string {
  try {
    const said = error instanceof Error ? error.message || error.name : error
    return String(said) || 'The tool failed.'
  } catch {
    return 'The tool failed.'
  }
}
