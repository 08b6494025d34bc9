import type { ToolCall } from '@outlast/contract'
import type { ClientTool, ToolCallContext } from './client-tool.ts'

/** What is left of 8 MiB, which a request may have, for one result. */
const resultBytesMax = 8 * 1024 * 1024 - 16 * 1024
const errorLengthMax = 10_000

/** What the model reads instead of a result that the server does not take. */
export const tooLong = 'The tool ran, but its result is too long to be sent.'

/**
 * Runs a tool of this program.
 * Contract: never rejects; what goes wrong is the outcome, also a result that is no JSON or too
 * long. Undefined is null.
 */
export async function outcomeOf(
  tool: ClientTool,
  call: ToolCall,
  context: ToolCallContext,
): Promise<{ result: unknown } | { error: string }> {
  try {
    const result = await tool.run(call.arguments as never, context)
    // A function is no JSON either, and is left out without an error.
    const json = JSON.stringify(result)
    if (json === undefined) return { result: null }
    return isTooLong(json) ? { error: tooLong } : { result }
  } catch (error) {
    return { error: sentenceOf(error).slice(0, errorLengthMax) }
  }
}

/** A unit of a string is at most 3 bytes. */
const isTooLong = (json: string) =>
  json.length > resultBytesMax ||
  (json.length * 3 > resultBytesMax && new TextEncoder().encode(json).length > resultBytesMax)

function sentenceOf(error: unknown): string {
  try {
    const said = error instanceof Error ? error.message || error.name : String(error)
    return said || 'The tool failed.'
  } catch {
    return 'The tool failed.'
  }
}
