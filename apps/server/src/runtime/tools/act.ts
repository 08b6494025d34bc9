import type { EventContext, EventDataOf, HookDecision, ToolCall } from '@outlast/contract'
import type { Tool } from '../../capabilities/capability.ts'
import { cancelledQuestions } from '../../capabilities/questions.ts'
import { newId, newSpanId } from '../../ids.ts'
import type { Turn } from '../journal/attempt.ts'
import { callContext, contextOf, stepContext } from '../journal/contexts.ts'
import { FencedError, HandoverError } from '../journal/errors.ts'
import { keepImage } from '../journal/image-room.ts'
import { appendIfUnchanged, commit, draft, makeDraft, mayBegin, nowOf } from '../journal/journal.ts'
import { logOf } from '../journal/metrics.ts'
import {
  isOutside,
  mayRepeatCall,
  type OpenAct,
  type OpenCall,
  type StepIds,
} from '../log/open-calls.ts'
import { callsOf, type TurnAction } from '../log/state.ts'
import { createAsking, type RaisedQuestions } from './asking.ts'
import { abandonedOutcome, interruptedOutcome, refusedOutcome, runTool, withEdit } from './call.ts'
import { fileTarget, toolContext } from './context.ts'
import { type Candidate, type PreparedCall, prepareCalls, timeoutOf } from './prepare.ts'
import { openProgress } from './progress.ts'
import { questionDraft, questionsOfCall } from './questions.ts'
import { toolRefOf } from './tool-ref.ts'

type ActAction = Extract<TurnAction, { kind: 'act' }>

/**
 * Runs the tools of a reply in parallel and ends the step, unless calls wait for a client or a
 * person.
 * Contract: a tool runs only after its `tool.started` is stored; a call that an earlier attempt
 * started runs again only if its tool can be repeated safely.
 */
export async function act(turn: Turn, { open, requested }: ActAction): Promise<void> {
  const begun = performance.now()
  const candidates = open ? candidatesOf(turn, open) : requested.map((call) => ({ call }))
  const preparing = prepareCalls(turn, candidates)
  const prepared = preparing instanceof Promise ? await preparing : preparing
  const step = open ?? beginAct(turn, requested)
  beginCalls(turn, step, prepared)
  const running = prepared.filter(isRunnable)
  if (running.length > 0) {
    await commit(turn)
    await mayBegin(turn)
    await runAll(turn, running)
  }
  const calls = callsOf(turn.state)
  const left = calls.filter(({ outcome }) => !outcome)
  if (left.some(({ isAbandoned }) => isAbandoned)) return abandon(turn)
  if (left.length > 0) return
  const successes = calls.filter(({ outcome }) => outcome === 'success').length
  draft(turn, 'act.completed', stepContext(contextOf(turn), step), {
    completed: true,
    success_count: successes,
    error_count: calls.length - successes,
    duration_ms: Math.round(performance.now() - begun),
  })
}

function beginAct(turn: Turn, requested: readonly ToolCall[]): StepIds {
  const step = { execId: newId('exec'), spanId: newSpanId() }
  const summaries = requested.map(({ id, name }) => ({ id, name }))
  draft(turn, 'act.started', stepContext(contextOf(turn), step), { tool_calls: summaries })
  return step
}

const spanContext = (turn: Turn, step: StepIds, spanId = newSpanId()) =>
  callContext(contextOf(turn), step, spanId)

const afterHours = (turn: Turn, hours: number) => afterMs(turn, hours * 3_600_000)

const afterMs = (turn: Turn, ms: number) => new Date(nowOf(turn) + ms).toISOString()

type AcceptedCall = Extract<PreparedCall, { tool: Tool }>

const isForClient = ({ tool }: PreparedCall) => tool?.client !== undefined
const isQuestion = (call: PreparedCall): call is AcceptedCall => call.tool?.asks !== undefined
const needsApproval = (call: PreparedCall) => call.needsApproval === true
const isRunnable = (call: PreparedCall): call is AcceptedCall =>
  !call.refusal && !call.needsApproval && !isForClient(call) && !isQuestion(call)

/**
 * Drafts approval requests, starts, requests to the client, and the outcomes of calls that cannot
 * run.
 */
function beginCalls(turn: Turn, step: StepIds, calls: readonly PreparedCall[]): void {
  for (const { call, known, hook, tool } of calls.filter(needsApproval)) {
    const expires_at = afterHours(turn, turn.node.config.APPROVAL_TIMEOUT_HOURS)
    const tool_ref = toolRefOf(turn, tool!)
    const data = { tool_call: call, expires_at, ...(hook && { hook }), tool_ref }
    draft(turn, 'tool.approval_requested', spanContext(turn, step, known?.spanId), data)
  }
  const others = calls.filter((call) => !needsApproval(call))
  for (const prepared of others.filter((call) => !isForClient(call) && !isQuestion(call)))
    startCall(turn, step, prepared)
  requestCalls(turn, step, others.filter(isForClient))
  for (const prepared of others.filter(isQuestion)) requestAnswers(turn, step, prepared)
  for (const { call, refusal } of calls) {
    if (!refusal) continue
    const pending = callsOf(turn.state).find((open) => open.call.id === call.id)!
    draftOutcome(turn, pending, refusedOutcome(call, refusal))
  }
}

/** Drafts the start of a call. A repeated call has its start in the log, unless a hook decided. */
function startCall(turn: Turn, step: StepIds, { call, known, hook, tool }: PreparedCall): void {
  if (known?.stage === 'started' && !hook) return
  const data = { ...(tool && { replay: tool.replay }), ...(hook && { hook }) }
  const context = spanContext(turn, step, known?.spanId)
  draft(turn, 'tool.started', context, { tool_call: call, ...data })
}

/** One request covers all calls with the same time limit and the same decision of the hook. */
function requestCalls(turn: Turn, step: StepIds, calls: readonly PreparedCall[]): void {
  const usual = turn.node.config.CLIENT_TOOL_TIMEOUT_HOURS * 3_600
  const limitOf = ({ tool }: PreparedCall) => tool?.client?.timeoutSeconds ?? usual
  const groups = Map.groupBy(calls, (call) => `${limitOf(call)} ${call.hook?.decision}`)
  for (const group of groups.values()) {
    const [first] = group
    const hook = first!.hook && { hook: first!.hook }
    const expires_at = afterMs(turn, limitOf(first!) * 1_000)
    const tool_calls = group.map(({ call }) => call)
    draft(turn, 'tool.call_requested', spanContext(turn, step), { tool_calls, expires_at, ...hook })
  }
}

/** Drafts the questions of a call of a tool that only asks. */
function requestAnswers(
  turn: Turn,
  step: StepIds,
  { call, known, hook, tool, input }: AcceptedCall,
): void {
  const context = spanContext(turn, step, known?.spanId)
  const raised = { questions: questionsOfCall(input), timeoutSeconds: tool.asks!.timeoutSeconds }
  draftQuestions(turn, context, { call, raised, stamps: true, hook })
}

type NewQuestions = {
  call: ToolCall
  raised: RaisedQuestions
  /** Whether the arguments get the questions as asked, with their times. */
  stamps?: boolean
  hook?: HookDecision | undefined
}

function draftQuestions(
  turn: Turn,
  context: EventContext,
  { call, raised, stamps, hook }: NewQuestions,
): void {
  const { questions, timeoutSeconds } = raised
  const asked_at = afterMs(turn, 0)
  const expires_at = afterMs(turn, timeoutSeconds * 1_000)
  const input = { questions, asked_at, expires_at }
  const asking = stamps ? { ...call, arguments: { ...call.arguments, ...input } } : call
  const data = { tool_calls: [asking], expires_at, input, ...(hook && { hook }) }
  draft(turn, 'tool.call_requested', context, data)
}

/**
 * Ends client calls and questions after a message. The client's result may be under way: the append
 * is made only if nothing came in between, otherwise the next read of the log decides.
 */
async function abandon(turn: Turn): Promise<void> {
  await commit(turn)
  const open = callsOf(turn.state).filter(({ outcome, isAbandoned }) => !outcome && isAbandoned)
  const drafts = open.map((pending) => {
    const context = spanContext(turn, pending.step, pending.spanId)
    if (pending.stage === 'input') {
      return questionDraft(pending, context, { outcome: cancelledQuestions })
    }
    return makeDraft('tool.completed', context, abandonedOutcome(pending.call))
  })
  if (drafts.length > 0) await appendIfUnchanged(turn, drafts)
}

/**
 * The calls of an earlier attempt that may begin or run again. Drafts the outcomes of those that
 * may have had effects.
 */
function candidatesOf(turn: Turn, open: OpenAct): Candidate[] {
  const candidates: Candidate[] = []
  for (const known of open.calls) {
    const { call, stage, outcome, hasChangedFiles } = known
    if (outcome || isOutside(known)) continue
    const isFree = stage === 'approved' || stage === 'answered'
    if (isFree || mayRunAgain(turn, known)) candidates.push({ call, known })
    else draftOutcome(turn, known, interruptedOutcome(call, hasChangedFiles))
  }
  return candidates
}

/** Whether a started call can be repeated safely, by the tool as it was at its start. */
function mayRunAgain(turn: Turn, { call, replay, hasChangedFiles }: OpenCall): boolean {
  const tool = turn.agent.tools.get(call.name)
  if (tool?.client || tool?.asks) return false
  return mayRepeatCall(replay ?? tool?.replay, hasChangedFiles)
}

function draftOutcome(turn: Turn, pending: OpenCall, outcome: EventDataOf<'tool.completed'>): void {
  const context = spanContext(turn, pending.step, pending.spanId)
  draft(turn, 'tool.completed', context, withEdit(pending, outcome))
  turn.effects.outcome = true
}

/**
 * Runs calls in parallel. Stores outcomes as they arrive; the last one together with the next step.
 * Contract: rejects when a run rejects, which breaks the attempt.
 */
async function runAll(turn: Turn, calls: readonly AcceptedCall[]): Promise<void> {
  const ended: ({ pending: OpenCall } & RunResult)[] = []
  const failures: unknown[] = []
  let wake = () => {}
  for (const prepared of calls) {
    // With the sequence of its start, which the commit has decided.
    const pending = callsOf(turn.state).find(({ call }) => call.id === prepared.call.id)!
    runOne(turn, pending, prepared)
      .then(
        (result) => ended.push({ pending, ...result }),
        (error) => failures.push(error),
      )
      .then(() => wake())
  }
  for (let running = calls.length; running > 0; ) {
    if (ended.length + failures.length === 0) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
    if (failures.length > 0) throw failures[0]
    const batch = ended.splice(0)
    const { aborted, reason } = turn.signal
    const handover = reason instanceof HandoverError
    for (const { pending, outcome, raised } of batch) {
      if (raised) park(turn, pending, raised)
      // After a handover the next node decides the outcome of an aborted call.
      else if (!handover || outcome.status !== 'cancelled') draftOutcome(turn, pending, outcome)
    }
    running -= batch.length
    if (running > 0 ? !aborted : handover) await commit(turn)
    if (aborted && running === 0) throw new FencedError()
  }
}

/** Drafts the questions of a call that ran until it asked them. */
function park(turn: Turn, pending: OpenCall, raised: RaisedQuestions): void {
  const context = spanContext(turn, pending.step, pending.spanId)
  draftQuestions(turn, context, { call: pending.call, raised })
  turn.effects.outcome = true
}

/** How a run of a tool ended: with its outcome, or with questions. */
type RunResult =
  | { outcome: EventDataOf<'tool.completed'>; raised?: undefined }
  | { raised: RaisedQuestions; outcome?: undefined }

async function runOne(
  turn: Turn,
  pending: OpenCall,
  { tool, input }: AcceptedCall,
): Promise<RunResult> {
  const { node } = turn
  const { call } = pending
  const context = spanContext(turn, pending.step, pending.spanId)
  const target = fileTarget(turn, pending, context)
  const progress = openProgress(turn, call, context)
  const outputMax = node.config.TOOL_OUTPUT_KB * 1024
  const access = turn.limits.networkAccess
  const caller = { orgId: turn.run.orgId, purpose: 'web_fetch' as const, access }
  const { fetch, end } = turn.fetchBudget.scope(node.outbound.reach(caller))
  const asking = createAsking(pending, turn.signal)
  const { ask, signal } = asking
  const given = { target, fetch, progress: progress.tell, ask }
  const running = runTool({
    tool,
    call,
    input,
    context: (limits) => toolContext(turn, pending, { ...limits, ...given }),
    signal,
    timeoutMs: timeoutOf(turn, tool),
    outputBytesMax: Math.min(outputMax, tool.limits?.outputBytesMax ?? outputMax),
    resultRoom: turn.resultRoom,
    node: { toolDb: node.toolDb, bus: node.bus, log: logOf(turn) },
    target,
    startedAt: pending.startedAt!,
    keepImage: (length) => keepImage(turn, length),
  })
  const [outcome] = await Promise.race([running.then((ended) => [ended]), asking.raised])
  asking.end()
  end()
  await progress.settle()
  const raised = asking.questions()
  return raised ? { raised } : { outcome: outcome! }
}
