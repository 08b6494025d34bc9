import type { EventContext, EventDataOf, ToolCall } from '@outlast/contract'
import { newId, newSpanId } from '../ids.ts'
import { commit, contextOf, draft, mayBegin, type Turn, timeLeft } from './journal.ts'
import type { Action, OpenAct, OpenCall } from './log.ts'
import { openProgress } from './progress.ts'
import { FencedError, HandoverError } from './stop.ts'
import { interruptedOutcome, runTool } from './tool-call.ts'
import { fileTarget, toolContext } from './tool-context.ts'

type ActAction = Extract<Action, { kind: 'act' }>

/**
 * Runs the tools that a reply asked for, all at once, and decides on the end of the step.
 * Contract: a tool runs only after its `tool.started` is stored; one that another attempt may have run already
 * runs again only if it is safe to.
 */
export async function act(turn: Turn, { open, requested }: ActAction): Promise<void> {
  const begun = performance.now()
  if (open) draftInterrupted(turn, open)
  else beginAct(turn, requested)
  if (pendingCalls(turn).length > 0) {
    await commit(turn)
    await mayBegin(turn)
    await runAll(turn, pendingCalls(turn))
  }
  const { calls, ...step } = turn.state.act!
  const successes = calls.filter(({ outcome }) => outcome === 'success').length
  draft(turn, 'act.completed', actContext(turn, step), {
    completed: true,
    success_count: successes,
    error_count: calls.length - successes,
    duration_ms: Math.round(performance.now() - begun),
  })
}

const pendingCalls = ({ state }: Turn) => state.act!.calls.filter((call) => !call.outcome)

function actContext(turn: Turn, { execId, spanId }: Pick<OpenAct, 'execId' | 'spanId'>) {
  const context = contextOf(turn)
  return { ...context, exec_id: execId, span_id: spanId, parent_span_id: turn.run.turnId }
}

function beginAct(turn: Turn, requested: readonly ToolCall[]): void {
  const step = { execId: newId('exec'), spanId: newSpanId() }
  const summaries = requested.map(({ id, name }) => ({ id, name }))
  draft(turn, 'act.started', actContext(turn, step), { tool_calls: summaries })
  for (const call of requested) {
    const context = { ...contextOf(turn), exec_id: step.execId, span_id: newSpanId() }
    draft(turn, 'tool.started', { ...context, parent_span_id: step.spanId }, { tool_call: call })
  }
}

/** Calls that an earlier attempt began and that had their effect, or may have had it. */
function draftInterrupted(turn: Turn, open: OpenAct): void {
  for (const pending of open.calls.filter(({ outcome }) => !outcome)) {
    const { call } = pending
    const replay = turn.agent.tools.get(call.name)?.replay
    const changed = hasChangedFiles(turn, pending)
    if (replay === 'unsafe' || (replay === 'until_changed' && changed)) {
      draftOutcome(turn, pending, interruptedOutcome(call, changed))
    }
  }
}

/** Whether an attempt that can change nothing any more changed files by this call. */
const hasChangedFiles = ({ events }: Turn, { call, sequence }: OpenCall) =>
  events.some(
    (event) =>
      event.type === 'files.changed' &&
      event.sequence > sequence &&
      event.data.tool_call_id === call.id,
  )

function draftOutcome(turn: Turn, pending: OpenCall, outcome: EventDataOf<'tool.completed'>): void {
  draft(turn, 'tool.completed', callContext(turn, pending), outcome)
  turn.effects.outcome = true
}

function callContext(turn: Turn, { spanId }: OpenCall): EventContext {
  const { execId, spanId: parent } = turn.state.act!
  return { ...contextOf(turn), exec_id: execId, span_id: spanId, parent_span_id: parent }
}

/**
 * Runs calls side by side. Outcomes are stored as they come; the last ones wait for what follows them.
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
      // Of a call that the handover broke off, whoever goes on with the turn decides what becomes.
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
  const context = callContext(turn, pending)
  const target = fileTarget(turn, pending, context)
  const progress = openProgress(turn, call, context)
  const timeoutMax = Math.min(TOOL_TIMEOUT_MS, tool?.limits?.timeoutMs ?? TOOL_TIMEOUT_MS)
  const outputMax = TOOL_OUTPUT_KB * 1024
  const outcome = await runTool({
    tool,
    call,
    context: (limits) => toolContext(turn, pending, { ...limits, target, progress: progress.tell }),
    signal,
    timeoutMs: Math.max(1, Math.min(timeoutMax, Math.ceil(timeLeft(turn)))),
    outputBytesMax: Math.min(outputMax, tool?.limits?.outputBytesMax ?? outputMax),
    node,
    target,
  })
  await progress.settle()
  return outcome
}
