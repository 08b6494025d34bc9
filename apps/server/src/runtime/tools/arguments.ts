import type { ToolCall } from '@outlast/contract'
import { type SchemaProblem, type Tool, ToolError } from '../../capabilities/capability.ts'
import { foreignProblem } from '../../capabilities/mcp/arguments.ts'
import { isTooSlow, withSyncLimit } from '../../capabilities/schemas/sync-limit.ts'
import { explainProblems, problemsOf } from '../../capabilities/schemas/validation.ts'
import { unreadableArguments } from '../model/call.ts'
import { questionsOfCall } from './questions.ts'

/** The value for a tool's `run`, or why the call cannot run, in a sentence for the model. */
export type CheckedArguments = { input: unknown } | { error: string }

const problemsMax = 10

/** `slow`: tools whose validation took too long in the same reply. Their calls are refused. */
type Checking = { signal: AbortSignal; slow?: Set<Tool> }

/**
 * Validates the arguments of a call: at once, or later where the tool has its own `parse`. A tool
 * gets a copy, which it may change: the log and a later attempt have the arguments of the model.
 */
export function checkArguments(
  tool: Tool,
  { arguments: given }: ToolCall,
  { signal, slow }: Checking,
): CheckedArguments | Promise<CheckedArguments> {
  if (unreadableArguments in given)
    return { error: 'The arguments are not a JSON object, or nested too deeply.' }
  if (tool.client || tool.unchecked) return { input: given }
  if (tool.parse) return parseArguments(tool, given, signal)
  if (slow?.has(tool)) return { error: tooSlow(tool) }
  try {
    const check = () => problemsOf(tool.input, given)
    const problems = tool.isLimited ? withSyncLimit(check) : check()
    if (problems.length > 0) return { error: invalid(tool, problems) }
  } catch (error) {
    if (!isTooSlow(error)) throw error
    slow?.add(tool)
    return { error: tooSlow(tool) }
  }
  return tool.asks ? checkQuestions(given) : { input: structuredClone(given) }
}

function checkQuestions(given: object): CheckedArguments {
  try {
    questionsOfCall(given)
    return { input: given }
  } catch (error) {
    if (error instanceof ToolError) return { error: error.message }
    throw error
  }
}

/** Explains why a third-party schema refuses arguments that a person or a hook chose. */
export const chosenProblem = (tool: Tool, { arguments: chosen }: ToolCall) =>
  tool.unchecked ? foreignProblem(tool.input, chosen) : undefined

/** A copy is parsed: schema libraries may change the given value. */
async function parseArguments(
  tool: Tool,
  given: object,
  signal: AbortSignal,
): Promise<CheckedArguments> {
  const parsed = await tool.parse!(structuredClone(given), signal)
  if ('problems' in parsed) return { error: invalid(tool, parsed.problems) }
  return { input: parsed.value }
}

const invalid = (tool: Tool, problems: readonly SchemaProblem[]) =>
  invalidSentence(tool, explainProblems(problems.slice(0, problemsMax)))

const tooSlow = (tool: Tool) => invalidSentence(tool, 'their validation takes too long')

export const invalidSentence = ({ name }: Tool, problem: string) =>
  `Invalid arguments for ${name}: ${problem}.`
