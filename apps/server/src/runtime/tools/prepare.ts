import type { HookDecision, ToolCall } from '@outlast/contract'
import { CallInterruptedError, isToolError, type Tool } from '../../capabilities/capability.ts'
import { TimeLimitError, withTimeLimit } from '../../time-limit.ts'
import type { Turn } from '../journal/attempt.ts'
import { FencedError } from '../journal/errors.ts'
import { commit, timeLeft } from '../journal/journal.ts'
import { logOf } from '../journal/metrics.ts'
import type { OpenCall } from '../log/open-calls.ts'
import {
  type CheckedArguments,
  checkArguments,
  chosenProblem,
  invalidSentence,
} from './arguments.ts'
import {
  type CallRefusal,
  deniedError,
  internalError,
  interruptedError,
  timeoutError,
} from './call.ts'
import { askHook, hookFor } from './hook.ts'
import { ruleFor, toolRefOf } from './tool-ref.ts'

/** A call that may begin. */
export type Candidate = {
  call: ToolCall
  /** Its state in the log, for a call of an earlier attempt. */
  known?: OpenCall
  /** The decision of a hook that the log lacks. */
  hook?: HookDecision
}

/** A call that begins now: it runs, waits for an approval, or is refused. */
export type PreparedCall = Candidate &
  (
    | { tool: Tool; input: unknown; needsApproval: boolean; refusal?: undefined }
    | { tool?: undefined; needsApproval?: undefined; refusal: CallRefusal }
  )

/** Time in ms after which the reply is stored, although its calls have not begun. */
const storeAfterMs = 50

/**
 * Validates calls, and asks the hook of the project about the valid ones.
 * Contract: nothing is drafted. At once, unless a tool has its own `parse` or there is a hook: then
 * drafts of the reply may be stored meanwhile.
 */
export function prepareCalls(
  turn: Turn,
  candidates: readonly Candidate[],
): PreparedCall[] | Promise<PreparedCall[]> {
  const slow = new Set<Tool>()
  const prepared = candidates.map((candidate) => prepare(turn, candidate, slow))
  const isReady = (one: PreparedCall | Promise<PreparedCall>) => !(one instanceof Promise)
  if (prepared.every(isReady)) return prepared as PreparedCall[]
  return storeMeanwhile(turn, Promise.all(prepared))
}

/** Waits for slow hooks and parsers without keeping the reply from the log. */
async function storeMeanwhile<T>(turn: Turn, preparing: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const slow = new Promise<true>((resolve) => {
    timer = setTimeout(resolve, storeAfterMs, true)
  })
  try {
    const isLate = await Promise.race([slow, preparing.then(() => false)])
    if (isLate) await commit(turn)
    return await preparing
  } finally {
    clearTimeout(timer)
    preparing.catch(() => {})
  }
}

function prepare(
  turn: Turn,
  candidate: Candidate,
  slow: Set<Tool>,
): PreparedCall | Promise<PreparedCall> {
  const { call, known } = candidate
  const tool = turn.agent.tools.get(call.name)
  if (!tool) return refused(candidate, missing(turn, candidate))
  if (isReplaced(turn, tool, known)) return refused(candidate, replaced(tool))
  const isRejected = !known?.isApproved && ruleFor(turn, tool) === 'reject'
  if (isRejected) return refused(candidate, { status: 'error', error: rejectedError })
  const hook = hookFor(turn, known)
  const validate = (call: ToolCall) => checkCall(turn, { tool, call, slow })
  const checked = validate(call)
  if (hook || checked instanceof Promise)
    return prepareLater(turn, candidate, { tool, checked, validate })
  if ('refusal' in checked) return refused(candidate, checked.refusal)
  if ('error' in checked) return refused(candidate, unfit(tool, candidate, checked.error))
  return ready(turn, candidate, { tool, input: checked.input })
}

type Checked = CheckedArguments | { refusal: CallRefusal }
type Checking = {
  tool: Tool
  checked: Checked | Promise<Checked>
  validate: (call: ToolCall) => Checked | Promise<Checked>
}

async function prepareLater(
  turn: Turn,
  candidate: Candidate,
  { tool, checked, validate }: Checking,
): Promise<PreparedCall> {
  const { call, known } = candidate
  const first = await checked
  if ('refusal' in first) return refused(candidate, first.refusal)
  if ('error' in first) return refused(candidate, unfit(tool, candidate, first.error))
  const asked = hookFor(turn, known)
  if (!asked) return ready(turn, candidate, { tool, input: first.input })
  const answer = await askHook(turn, asked, { tool, call })
  const decided = { ...candidate, ...answer }
  const { decision, reason } = answer.hook
  if (decision === 'denied')
    return refused(decided, { status: 'error', error: deniedError(reason) })
  if (decision !== 'changed') return ready(turn, decided, { tool, input: first.input })
  const problem = chosenProblem(tool, answer.call)
  if (problem !== undefined)
    return refused(decided, { status: 'error', error: invalidSentence(tool, problem) })
  const second = await validate(answer.call)
  if ('refusal' in second) return refused(decided, second.refusal)
  if ('error' in second) return refused(decided, { status: 'error', error: second.error })
  return ready(turn, decided, { tool, input: second.input })
}

/** Validates arguments: at once, or within the time limit of the call where a project parses. */
function checkCall(
  turn: Turn,
  { tool, call, slow }: { tool: Tool; call: ToolCall; slow: Set<Tool> },
): Checked | Promise<Checked> {
  if (tool.parse) return parseInTime(turn, tool, call)
  try {
    return checkArguments(tool, call, { signal: turn.signal, slow })
  } catch (error) {
    return { refusal: failedCheck(turn, tool, error) }
  }
}

async function parseInTime(turn: Turn, tool: Tool, call: ToolCall): Promise<Checked> {
  const timeoutMs = timeoutOf(turn, tool)
  try {
    return await withTimeLimit({ timeoutMs, signal: turn.signal }, (signal) =>
      checkArguments(tool, call, { signal }),
    )
  } catch (error) {
    if (turn.signal.aborted) throw new FencedError()
    if (error instanceof TimeLimitError)
      return { refusal: { status: 'timeout', error: timeoutError(timeoutMs) } }
    return { refusal: failedCheck(turn, tool, error) }
  }
}

/** Refuses a call whose validation failed itself. */
function failedCheck(turn: Turn, tool: Tool, error: unknown): CallRefusal {
  if (isToolError(error)) return { status: 'error', error: error.message.toWellFormed() }
  if (error instanceof CallInterruptedError) return { status: 'error', error: cutOffError }
  logOf(turn).error('cannot validate the arguments of a tool', { tool: tool.name, error })
  return { status: 'error', error: internalError }
}

const cutOffError = 'The call did not run: the validation of its arguments was interrupted.'

/** The time limit of a call in ms. */
export const timeoutOf = (turn: Turn, { limits }: Pick<Tool, 'limits'>) =>
  Math.max(
    1,
    Math.min(
      turn.node.config.TOOL_TIMEOUT_MS,
      limits?.timeoutMs ?? Number.POSITIVE_INFINITY,
      Math.ceil(timeLeft(turn)),
    ),
  )

const rejectedError = deniedError('all calls of this tool are rejected.')

function ready(
  turn: Turn,
  candidate: Candidate,
  { tool, input }: { tool: Tool; input: unknown },
): PreparedCall {
  const { known, hook = known?.hook } = candidate
  // A rule is about the tool as it was: not for one that changed, or where a hook asks.
  const isAllowed = ruleFor(turn, tool) === 'allow' && !tool.isChanged
  const isAsked =
    (tool.policy === 'requires_approval' && !isAllowed) || hook?.decision === 'approval_required'
  return { ...candidate, tool, input, needsApproval: isAsked && !known?.isApproved }
}

function refused(candidate: Candidate, refusal: CallRefusal): PreparedCall {
  const isInterrupted = candidate.known?.stage === 'started'
  const error = isInterrupted ? `${interruptedError} ${refusal.error}` : refusal.error
  return { ...candidate, refusal: { ...refusal, error } }
}

function missing({ removed }: Turn, { call: { name }, known }: Candidate): CallRefusal {
  if (!known && !removed.has(name))
    return { status: 'error', error: `Tool definition not found: ${name}` }
  const error = `The tool ${name} no longer exists.`
  return { status: 'error', error, error_code: 'tool_missing' }
}

/**
 * True for another tool than the one whose call a person has approved. Approvals that an older
 * server requested have no reference.
 */
const isReplaced = (turn: Turn, tool: Tool, known: OpenCall | undefined) =>
  known?.isApproved === true &&
  known.toolRef !== undefined &&
  known.toolRef !== toolRefOf(turn, tool)

const replaced = ({ name }: Tool): CallRefusal => ({
  status: 'error',
  error: `Another tool has replaced ${name} since this call was approved. A new call needs a new approval.`,
  error_code: 'tool_changed',
})

/** A call of an earlier attempt was valid then. */
function unfit({ name }: Tool, { known }: Candidate, problem: string): CallRefusal {
  if (!known) return { status: 'error', error: problem }
  const error = `The tool ${name} has changed since this call was made. ${problem}`
  return { status: 'error', error, error_code: 'tool_changed' }
}
