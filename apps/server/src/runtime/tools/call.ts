import type { ContentPart, EventDataOf, ToolCall } from '@outlast/contract'
import {
  CallInterruptedError,
  isToolError,
  serializeResult,
  splitImages,
  type Tool,
  type ToolContext,
  ToolError,
  withImages,
} from '../../capabilities/capability.ts'
import { explainProblems } from '../../capabilities/schemas/validation.ts'
import { ApiError } from '../../errors.ts'
import { decide } from '../../store/database-errors.ts'
import { type FileTarget, hasChangesOfCall } from '../../store/files/file-changes.ts'
import { StaleAttemptError } from '../../store/files/stale-attempt.ts'
import { TimeLimitError, withTimeLimit } from '../../time-limit.ts'
import { throughOutages } from '../journal/append.ts'
import { limitResult, type ResultRoom } from '../journal/result-room.ts'
import { mayRepeatCall, type OpenCall } from '../log/open-calls.ts'
import type { Node } from '../node.ts'
import { boundedError, boundedOutput } from './output.ts'

export type ToolOutcome = EventDataOf<'tool.completed'>

/** Why a call does not run. */
export type CallRefusal = Pick<ToolOutcome, 'status' | 'error' | 'error_code'>

export type ToolRun = {
  tool: Tool
  call: ToolCall
  /** The validated arguments. */
  input: unknown
  context: (limits: Pick<ToolContext, 'signal' | 'outputBytesMax'>) => ToolContext
  /** Aborted when the turn is cancelled. */
  signal: AbortSignal
  timeoutMs: number
  outputBytesMax: number
  resultRoom: ResultRoom
  node: Pick<Node, 'toolDb' | 'bus' | 'log'>
  /** Location of outputs that are too long for the model. */
  target: FileTarget
  /** The sequence of its start. */
  startedAt: number
  /** Takes room for an image of this length in base64; false if there is none. */
  keepImage: (length: number) => Promise<boolean>
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

type Attempted = Pick<ToolOutcome, 'success' | 'status' | 'result' | 'error' | 'error_code'>

const failure = (status: ToolOutcome['status'], error: string): Attempted => ({
  success: false,
  status,
  error,
})

export const internalError = 'An internal error occurred while executing the tool'
export const interruptedError = 'The call was interrupted. It is unknown whether it had an effect.'
export const timeoutError = (timeoutMs: number) => `The tool did not finish within ${timeoutMs} ms.`
export const deniedError = (reason: string | undefined) =>
  `The call was denied${reason ? `: ${reason}` : '.'}`

async function attempt(run: ToolRun): Promise<Attempted> {
  const { tool, input, context, signal, timeoutMs, outputBytesMax } = run
  try {
    const value = await withTimeLimit({ timeoutMs, signal }, (signal) => {
      const result = tool.run(input as never, context({ outputBytesMax, signal }))
      return tool.output ? checkedResult(run, result) : result
    })
    return { success: true, status: 'success', result: await resultParts(run, value) }
  } catch (error) {
    if (signal.aborted || error instanceof StaleAttemptError) {
      const hasNoEffect = tool.replay === 'safe'
      return failure('cancelled', hasNoEffect ? 'The call was cancelled.' : interruptedError)
    }
    if (error instanceof CallInterruptedError) return interrupted(error.changedFiles)
    const isLate = error instanceof TimeLimitError
    if (isLate || (decide(error) && !isToolError(error))) {
      const unfinished = await unfinishedCall(run, isLate)
      if (unfinished && !isLate) run.node.log.error('tool failed', { tool: tool.name, error })
      if (unfinished) return unfinished
    }
    const failed = failure('error', toolErrorText(run, error))
    return error instanceof ApiError && error.status !== 500
      ? { ...failed, error_code: error.code }
      : failed
  }
}

/**
 * The outcome of a call that ran into its time limit or an error of the database. A change of files
 * may have been made all the same: the log decides. Undefined: none was made after an error.
 */
async function unfinishedCall(run: ToolRun, isLate: boolean): Promise<Attempted | undefined> {
  const { call, node, signal, startedAt, timeoutMs, target } = run
  const of = { ...target, callId: call.id, after: startedAt }
  try {
    const hasChanges = await throughOutages(node, signal, () => hasChangesOfCall(node.toolDb, of))
    if (isLate && !hasChanges) return failure('timeout', timeoutError(timeoutMs))
    if (isLate) return failure('timeout', `${timeoutError(timeoutMs)} ${interruptionOf(true)}`)
    return hasChanges ? interrupted(true) : undefined
  } catch (error) {
    if (signal.aborted) return failure('cancelled', interruptedError)
    node.log.warn('changes of files by a call could not be read', { tool: call.name, error })
    return interrupted(false)
  }
}

/** Validates a result by the tool's own schema. The effect of the call stays. */
async function checkedResult({ tool, node }: ToolRun, result: unknown): Promise<unknown> {
  const { value, images } = splitImages(await result)
  const parsed = await tool.output!.parse(value)
  if ('value' in parsed) return withImages(parsed.value, images)
  const problems = explainProblems(parsed.problems.slice(0, problemsMax), 'the result')
  node.log.error('a tool returned a result that its schema refuses', { tool: tool.name, problems })
  throw new ToolError(`The tool ran, but its result does not match its schema: ${problems}.`)
}

const problemsMax = 10

/** Converts a result for the log: one text, followed by images if any. */
async function resultParts(
  { call, node, target, outputBytesMax, resultRoom, keepImage }: ToolRun,
  result: unknown,
): Promise<ContentPart[]> {
  const { json, images, whole } = serializeResult(result)
  const { toolDb: db, bus } = node
  const keeping = { db, bus, target, callId: call.id, whole }
  const bytesMax = limitResult(resultRoom, json, outputBytesMax)
  const text = await boundedOutput(json, bytesMax, keeping)
  const shown: ContentPart[] = []
  for (const { base64, mediaType: media_type } of images) {
    // The others would wait as long.
    if (!(await keepImage(base64.length))) break
    shown.push({ type: 'image', base64, media_type })
  }
  const left = images.length - shown.length
  const omitted = `[${left} ${left === 1 ? 'image' : 'images'} omitted: the turn has no room for more]`
  return [{ type: 'text', text: left > 0 ? `${text}\n${omitted}` : text }, ...shown]
}

function toolErrorText(
  { call, node, outputBytesMax, resultRoom }: ToolRun,
  error: unknown,
): string {
  const isMeant = isToolError(error) || (error instanceof ApiError && error.status !== 500)
  if (isMeant) {
    const text = error.message.toWellFormed()
    return boundedError(text, limitResult(resultRoom, text, outputBytesMax))
  }
  node.log.error('tool failed', { tool: call.name, error })
  return internalError
}

/** The outcome for a call that had, or may have had, its effect. */
export const interruptedOutcome = ({ id, name }: ToolCall, changedFiles = false): ToolOutcome => ({
  tool_call_id: id,
  tool_name: name,
  ...interrupted(changedFiles),
})

const interrupted = (changedFiles: boolean): Attempted =>
  failure('error', interruptionOf(changedFiles))

const interruptionOf = (changedFiles: boolean) =>
  changedFiles
    ? 'The call was interrupted after it had changed files. Its result is lost.'
    : interruptedError

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
  notRun(call, 'error', deniedError(reason))

/** The outcome of a call that cannot run, or that a hook denied. */
export const refusedOutcome = ({ id, name }: ToolCall, refusal: CallRefusal): ToolOutcome => ({
  tool_call_id: id,
  tool_name: name,
  success: false,
  ...refusal,
})

const editors = { person: 'A person', hook: 'A hook of the server' }

/** Adds changed arguments to the outcome for the model. */
export function withEdit({ call, editedBy }: OpenCall, outcome: ToolOutcome): ToolOutcome {
  if (!editedBy) return outcome
  const text = `${editors[editedBy]} changed the arguments before the call ran: ${JSON.stringify(call.arguments)}`
  if (!outcome.result) return { ...outcome, error: `${outcome.error} ${text}` }
  return { ...outcome, result: [...outcome.result, { type: 'text', text }] }
}

/** The outcome of a call that had not begun when its turn was cancelled. */
export const unbegunOutcome = (call: ToolCall) =>
  notRun(call, 'cancelled', 'The turn was cancelled.')

/** The outcome of a call whose turn was cancelled. The log has all its changes to files. */
export function cancelledOutcome(open: OpenCall): ToolOutcome {
  const { call, hasChangedFiles } = open
  const mayHaveActed = open.stage === 'started' && !mayRepeatCall(open.replay, hasChangedFiles)
  if (!mayHaveActed) return unbegunOutcome(call)
  return notRun(call, 'cancelled', interruptionOf(hasChangedFiles))
}
