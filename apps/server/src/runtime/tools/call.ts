import type { ContentPart, EventDataOf, ToolCall } from '@outlast/contract'
import {
  isToolError,
  splitImages,
  type Tool,
  type ToolContext,
} from '../../capabilities/capability.ts'
import { checkToolInput } from '../../capabilities/catalog.ts'
import { ApiError } from '../../errors.ts'
import { type FileTarget, StaleAttemptError } from '../../store/files/file-changes.ts'
import type { OpenCall } from '../log/open-calls.ts'
import { unreadableArguments } from '../model/call.ts'
import type { Node } from '../node.ts'
import { boundedError, boundedOutput } from './output.ts'

export type ToolOutcome = EventDataOf<'tool.completed'>

export type ToolRun = {
  tool: Tool | undefined
  call: ToolCall
  context: (limits: Pick<ToolContext, 'signal' | 'outputBytesMax'>) => ToolContext
  /** Aborted when the turn is cancelled. */
  signal: AbortSignal
  timeoutMs: number
  outputBytesMax: number
  node: Pick<Node, 'db' | 'bus' | 'log'>
  /** Location of outputs that are too long for the model. */
  target: FileTarget
}

/** Runs one tool call. Contract: never throws; the outcome has the error. */
export async function runTool(run: ToolRun): Promise<ToolOutcome> {
  const begun = performance.now()
  const outcome = await attempt(run)
  return {
    tool_call_id: run.call.id,
    tool_name: run.call.name,
    ...outcome,
    duration_ms: Math.round(performance.now() - begun),
  }
}

type Attempted = Pick<ToolOutcome, 'success' | 'status' | 'result' | 'error'>

const failure = (status: ToolOutcome['status'], error: string): Attempted => ({
  success: false,
  status,
  error,
})

async function attempt(run: ToolRun): Promise<Attempted> {
  const { tool, call, context, signal, timeoutMs, outputBytesMax } = run
  const why = whyUnrunnable(tool, call)
  if (why !== undefined || !tool) return failure('error', why!)
  // Not `AbortSignal.timeout`: its timer would retain the call's memory after its end.
  const timeout = new AbortController()
  const timer = setTimeout(() => timeout.abort(lateError()), timeoutMs)
  const either = AbortSignal.any([signal, timeout.signal])
  try {
    const value = await Promise.race([
      Promise.resolve(tool.run(call.arguments, context({ outputBytesMax, signal: either }))),
      aborted(either),
    ])
    return { success: true, status: 'success', result: await partsOf(run, value) }
  } catch (error) {
    if (signal.aborted || error instanceof StaleAttemptError) {
      return failure('cancelled', 'The call was cancelled.')
    }
    if (timeout.signal.aborted)
      return failure('timeout', `The tool did not finish within ${timeoutMs} ms.`)
    return failure('error', messageOf(run, error))
  } finally {
    clearTimeout(timer)
  }
}

const lateError = () => new DOMException('The call took too long.', 'TimeoutError')

/** Returns the error of a call in one sentence for the model; undefined when it can run. */
export function whyUnrunnable(tool: Tool | undefined, call: ToolCall): string | undefined {
  if (!tool) return `Tool definition not found: ${call.name}`
  if (unreadableArguments in call.arguments) return 'The arguments are not a JSON object.'
  return checkToolInput(tool, call.arguments)
}

/** Converts a result for the log: one text, followed by images if any. */
async function partsOf(
  { call, node, target, outputBytesMax }: ToolRun,
  result: unknown,
): Promise<ContentPart[]> {
  const { value, images } = splitImages(result)
  const json = (JSON.stringify(value) ?? 'null').toWellFormed()
  const { db, bus } = node
  const text = await boundedOutput(json, outputBytesMax, { db, bus, target, callId: call.id })
  const shown = images.map(({ base64, mediaType: media_type }) => ({
    type: 'image' as const,
    base64,
    media_type,
  }))
  return [{ type: 'text', text }, ...shown]
}

function messageOf({ call, node, outputBytesMax }: ToolRun, error: unknown): string {
  const isMeant = isToolError(error) || (error instanceof ApiError && error.status !== 500)
  if (isMeant) return boundedError(error.message.toWellFormed(), outputBytesMax)
  node.log.error('tool failed', { tool: call.name, error })
  return 'An internal error occurred while executing the tool'
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}

/** The outcome for a call that had, or may have had, its effect. */
export function interruptedOutcome({ id, name }: ToolCall, changedFiles = false): ToolOutcome {
  const known = changedFiles
    ? 'The call was interrupted after it had changed files. Its result is lost.'
    : 'The call was interrupted. It is unknown whether it had an effect.'
  return { tool_call_id: id, tool_name: name, ...failure('error', known) }
}

const notRun = (call: ToolCall, status: ToolOutcome['status'], error: string): ToolOutcome => ({
  tool_call_id: call.id,
  tool_name: call.name,
  ...failure(status, error),
})

/** The outcome of a client call that a message ended. */
export const abandonedOutcome = (call: ToolCall) =>
  notRun(call, 'cancelled', 'Another message arrived before the client had run this call.')

/** The outcome of a call whose client or approver did not respond in time. */
export const expiredOutcome = (call: ToolCall, cause: string) =>
  notRun(call, 'timeout', `${cause} in time, so this call did not run.`)

/** The outcome of a denied call. */
export const deniedOutcome = (call: ToolCall, reason: string | undefined) =>
  notRun(call, 'error', `The call was denied${reason ? `: ${reason}` : '.'}`)

/** Adds edited arguments to the outcome for the model. */
export function withEdit({ call, isEdited }: OpenCall, outcome: ToolOutcome): ToolOutcome {
  if (!isEdited) return outcome
  const text = `A person changed the arguments before the call ran: ${JSON.stringify(call.arguments)}`
  if (!outcome.result) return { ...outcome, error: `${outcome.error} ${text}` }
  return { ...outcome, result: [...outcome.result, { type: 'text', text }] }
}

export function cancelledOutcome({ id, name }: ToolCall): ToolOutcome {
  return { tool_call_id: id, tool_name: name, ...failure('cancelled', 'The turn was cancelled.') }
}
