import type { EventDataOf, ToolCall } from '@outlast/contract'
import type { Tool } from '../../capabilities/capability.ts'
import { newId, newSpanId } from '../../ids.ts'
import type { Turn } from '../journal/attempt.ts'
import { callContext, contextOf, stepContext } from '../journal/contexts.ts'
import { FencedError, HandoverError } from '../journal/errors.ts'
import {
  appendIfUnchanged,
  commit,
  draft,
  makeDraft,
  mayBegin,
  nowOf,
  timeLeft,
} from '../journal/journal.ts'
import { logOf } from '../journal/metrics.ts'
import type { OpenAct, OpenCall, StepIds } from '../log/open-calls.ts'
import { type Action, callsOf } from '../log/state.ts'
import { abandonedOutcome, interruptedOutcome, runTool, whyUnrunnable, withEdit } from './call.ts'
import { fileTarget, toolContext } from './context.ts'
import { openProgress } from './progress.ts'

type ActAction = Extract<Action, { kind: 'act' }>

/**
 * Runs the tools of a reply in parallel and ends the step, unless calls wait for a client or a
 * person.
 * Contract: a tool runs only after its `tool.started` is stored; a call that an earlier attempt
 * started runs again only if its tool can be repeated safely.
 */
export async function act(turn: Turn, { open, requested }: ActAction): Promise<void> {
  const begun = performance.now()
  if (open) draftInterrupted(turn, open)
  const step = open ?? beginAct(turn, requested)
  beginCalls(turn, step, approvedCalls(turn))
  if (startedCalls(turn).length > 0) {
    await commit(turn)
    await mayBegin(turn)
    await runAll(turn, startedCalls(turn))
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

const callsAt = ({ state }: Turn, stage: OpenCall['stage']) =>
  callsOf(state).filter((call) => call.stage === stage && !call.outcome)

const startedCalls = (turn: Turn) => callsAt(turn, 'started')
const approvedCalls = (turn: Turn) => callsAt(turn, 'approved')

function beginAct(turn: Turn, requested: readonly ToolCall[]): StepIds {
  const step = { execId: newId('exec'), spanId: newSpanId() }
  const summaries = requested.map(({ id, name }) => ({ id, name }))
  draft(turn, 'act.started', stepContext(contextOf(turn), step), { tool_calls: summaries })
  const asked = requested.filter((call) => needsApproval(turn, call))
  for (const call of asked) {
    const expires_at = afterHours(turn, turn.node.config.APPROVAL_TIMEOUT_HOURS)
    draft(turn, 'tool.approval_requested', spanContext(turn, step), {
      tool_call: call,
      expires_at,
    })
  }
  const others = requested.filter((call) => !asked.includes(call))
  const begun = others.map((call) => ({ call, spanId: newSpanId() }))
  beginCalls(turn, step, begun)
  return step
}

const spanContext = (turn: Turn, step: StepIds, spanId = newSpanId()) =>
  callContext(contextOf(turn), step, spanId)

/** A call that cannot run fails at once, without an approval request. */
const needsApproval = (turn: Turn, call: ToolCall) =>
  runnableTool(turn, call)?.policy === 'requires_approval'

/** The tool of a call; undefined when the call cannot run. */
function runnableTool({ agent }: Turn, call: ToolCall): Tool | undefined {
  const tool = agent.tools.get(call.name)
  return whyUnrunnable(tool, call) === undefined ? tool : undefined
}

const afterHours = (turn: Turn, hours: number) => afterMs(turn, hours * 3_600_000)

const afterMs = (turn: Turn, ms: number) => new Date(nowOf(turn) + ms).toISOString()

type Begun = Pick<OpenCall, 'call' | 'spanId'>

/** Drafts the start of calls, or the request to the client for client tools. */
function beginCalls(turn: Turn, step: StepIds, calls: readonly Begun[]): void {
  const isForClient = ({ call }: Begun) => runnableTool(turn, call)?.client !== undefined
  for (const { call, spanId } of calls.filter((call) => !isForClient(call))) {
    const tool = runnableTool(turn, call)
    const replay = tool && { replay: tool.replay }
    draft(turn, 'tool.started', spanContext(turn, step, spanId), { tool_call: call, ...replay })
  }
  requestCalls(turn, step, calls.filter(isForClient))
}

/** One request covers all calls with the same time limit. */
function requestCalls(turn: Turn, step: StepIds, calls: readonly Begun[]): void {
  const usual = turn.node.config.CLIENT_TOOL_TIMEOUT_HOURS * 3_600
  const limitOf = (call: ToolCall) => turn.agent.tools.get(call.name)?.client?.timeoutSeconds
  const groups = Map.groupBy(calls, ({ call }) => limitOf(call) ?? usual)
  for (const [seconds, group] of groups) {
    const expires_at = afterMs(turn, seconds * 1_000)
    const tool_calls = group.map(({ call }) => call)
    draft(turn, 'tool.call_requested', spanContext(turn, step), { tool_calls, expires_at })
  }
}

/**
 * Ends client calls after a message. The client's result may be under way: the append is made only
 * if nothing came in between, otherwise the next read of the log decides.
 */
async function abandon(turn: Turn): Promise<void> {
  await commit(turn)
  const open = callsOf(turn.state).filter(({ outcome, isAbandoned }) => !outcome && isAbandoned)
  const drafts = open.map(({ call, step, spanId }) =>
    makeDraft('tool.completed', spanContext(turn, step, spanId), abandonedOutcome(call)),
  )
  if (drafts.length > 0) await appendIfUnchanged(turn, drafts)
}

/** Drafts outcomes for calls of an earlier attempt that may have had effects. */
function draftInterrupted(turn: Turn, open: OpenAct): void {
  for (const pending of open.calls) {
    const { call, stage, outcome } = pending
    if (stage !== 'started' || outcome) continue
    const changed = hasChangedFiles(turn, pending)
    if (mayRunAgain(turn, pending, changed)) continue
    draftOutcome(turn, pending, interruptedOutcome(call, changed))
  }
}

/** A started call cannot be repeated when its tool is missing or refuses its arguments now. */
function mayRunAgain(turn: Turn, { call, replay }: OpenCall, hasChanged: boolean): boolean {
  const tool = turn.agent.tools.get(call.name)
  if (!tool || tool.client) return false
  if (replay && !runnableTool(turn, call)) return false
  const policy = replay ?? tool.replay
  return policy === 'safe' || (policy === 'until_changed' && !hasChanged)
}

/** Whether a fenced attempt changed files by this call. */
const hasChangedFiles = ({ events }: Turn, { call, sequence }: OpenCall) =>
  events.some(
    (event) =>
      event.type === 'files.changed' &&
      event.sequence > sequence &&
      event.data.tool_call_id === call.id,
  )

function draftOutcome(turn: Turn, pending: OpenCall, outcome: EventDataOf<'tool.completed'>): void {
  const context = spanContext(turn, pending.step, pending.spanId)
  draft(turn, 'tool.completed', context, withEdit(pending, outcome))
  turn.effects.outcome = true
}

/**
 * Runs calls in parallel. Stores outcomes as they arrive; the last one together with the next step.
 */
async function runAll(turn: Turn, calls: OpenCall[]): Promise<void> {
  const ended: { pending: OpenCall; outcome: EventDataOf<'tool.completed'> }[] = []
  let wake = () => {}
  for (const pending of calls) {
    runOne(turn, pending).then((outcome) => {
      ended.push({ pending, outcome })
      wake()
    })
  }
  for (let running = calls.length; running > 0; ) {
    if (ended.length === 0) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
    const batch = ended.splice(0)
    const { aborted, reason } = turn.signal
    const handover = reason instanceof HandoverError
    for (const { pending, outcome } of batch) {
      // After a handover the next node decides the outcome of an aborted call.
      if (!handover || outcome.status !== 'cancelled') draftOutcome(turn, pending, outcome)
    }
    running -= batch.length
    if (running > 0 ? !aborted : handover) await commit(turn)
    if (aborted && running === 0) throw new FencedError()
  }
}

async function runOne(turn: Turn, pending: OpenCall) {
  const { node, agent, signal } = turn
  const { TOOL_TIMEOUT_MS, TOOL_OUTPUT_KB } = node.config
  const { call } = pending
  const tool = agent.tools.get(call.name)
  const context = spanContext(turn, pending.step, pending.spanId)
  const target = fileTarget(turn, pending, context)
  const progress = openProgress(turn, call, context)
  const timeoutMax = Math.min(TOOL_TIMEOUT_MS, tool?.limits?.timeoutMs ?? TOOL_TIMEOUT_MS)
  const outputMax = TOOL_OUTPUT_KB * 1024
  const caller = { orgId: turn.run.orgId, purpose: 'web_fetch' as const }
  const { fetch, end } = turn.budget.scope(node.outbound.reach(caller))
  const given = { target, fetch, progress: progress.tell }
  const outcome = await runTool({
    tool,
    call,
    context: (limits) => toolContext(turn, pending, { ...limits, ...given }),
    signal,
    timeoutMs: Math.max(1, Math.min(timeoutMax, Math.ceil(timeLeft(turn)))),
    outputBytesMax: Math.min(outputMax, tool?.limits?.outputBytesMax ?? outputMax),
    node: { db: node.db, bus: node.bus, log: logOf(turn) },
    target,
  })
  end()
  await progress.settle()
  return outcome
}
