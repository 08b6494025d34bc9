import type {
  EventContext,
  EventDataOf,
  EventType,
  HookDecision,
  Question,
  QuestionOutcome,
  ToolCall,
} from '@outlast/contract'
import { toolKeyText } from '@outlast/sdk/turn-steps'
import { textHash } from '../../store/stored-texts.ts'

/** A step of a turn: reasoning, or the tools of one reply. */
export type StepIds = { execId: string; spanId: string }

/** The tools of one reply. */
export type OpenAct = StepIds & { calls: OpenCall[] }

export type OpenCall = {
  /** With the arguments of a person or a hook where one changed them. */
  call: ToolCall
  spanId: string
  step: StepIds
  /**
   * `asked`: waits for a person. `approved`: allowed, not started. `requested`: waits for the
   * client. `input`: waits for answers to questions. `answered`: has them, to be started again.
   * `started`: runs here, or did.
   */
  stage: 'asked' | 'approved' | 'requested' | 'input' | 'answered' | 'started'
  /** The sequence of the event of its stage. */
  sequence: number
  /** The sequence of its first start, which is the same for all attempts of the call. */
  startedAt: number | undefined
  /** Deadline of `asked` and `requested`, as RFC 3339. */
  expiresAt: string | undefined
  /** Who last changed the model's arguments. */
  editedBy: 'person' | 'hook' | undefined
  /** True once a person has approved it. */
  isApproved: boolean
  /** The latest decision of a hook. */
  hook: HookDecision | undefined
  /** Identifies its tool, as of the request for its approval. */
  toolRef: string | undefined
  /** The questions that it waits for. */
  questions: readonly Question[]
  /** Time at which its latest questions were asked, as RFC 3339. */
  askedAt: string | undefined
  /** The sets of questions that have their outcome, in order. */
  answers: readonly AnsweredQuestions[]
  /** A message arrived while the client had the call, or before answers: the wait is over. */
  isAbandoned: boolean
  outcome: 'success' | 'failure' | undefined
  /** The log has files that it changed. */
  hasChangedFiles: boolean
  /** Whether it may run again, decided at its start. Undefined for old events and refused calls. */
  replay?: EventDataOf<'tool.started'>['replay']
}

export type AnsweredQuestions = { questions: readonly Question[]; outcome: QuestionOutcome }

/** The same for every attempt of a started call. It belongs to a place in the log. */
export const idempotencyKeyOf = (sessionId: string, turnId: string, { startedAt }: OpenCall) =>
  textHash(toolKeyText(sessionId, turnId, startedAt!))

/** Whether a started call had no effect, or one that a second run repeats safely. */
export const mayRepeatCall = (replay: OpenCall['replay'], hasChangedFiles: boolean) =>
  replay === 'safe' || (replay === 'until_changed' && !hasChangedFiles)

/** The calls that a turn waits for when nothing else is left to do. Contract: pure. */
export function waitingCalls({ calls }: OpenAct): readonly OpenCall[] {
  const open = calls.filter(({ outcome }) => !outcome)
  return open.every((call) => isOutside(call) && !call.isAbandoned) ? open : []
}

/** True for a call that waits for a person or the client. */
export const isOutside = ({ stage }: OpenCall) =>
  stage === 'asked' || stage === 'requested' || stage === 'input'

type At = { sequence: number; context: EventContext }
type Of<T extends EventType> = At & { data: EventDataOf<T> }

type Reached = Pick<OpenCall, 'call' | 'stage' | 'replay'> & {
  expiresAt?: string
  tool_ref?: string
  hook?: HookDecision
  questions?: readonly Question[]
  askedAt?: string
}

const untouched = {
  startedAt: undefined,
  editedBy: undefined,
  isApproved: false,
  hook: undefined,
  toolRef: undefined,
  questions: [],
  askedAt: undefined,
  answers: [],
  isAbandoned: false,
  outcome: undefined,
  hasChangedFiles: false,
} satisfies Partial<OpenCall>

/** Moves a call to its next stage; the first stage adds it to the step. */
export function reached(
  act: OpenAct,
  { sequence, context }: At,
  { expiresAt, hook, tool_ref: toolRef, ...next }: Reached,
): OpenAct {
  const before = act.calls.find((open) => open.call.id === next.call.id)
  const spanId = before?.spanId ?? context.span_id!
  const step = { execId: act.execId, spanId: act.spanId }
  const now: OpenCall = { ...untouched, ...before, ...next, sequence, expiresAt, spanId, step }
  if (now.stage === 'started') now.startedAt ??= sequence
  if (hook) now.hook = hook
  if (toolRef !== undefined) now.toolRef = toolRef
  if (hook?.decision === 'changed') now.editedBy = 'hook'
  if (!before) return { ...act, calls: [...act.calls, now] }
  return { ...act, calls: act.calls.map((open) => (open === before ? now : open)) }
}

export function requested(act: OpenAct, event: Of<'tool.call_requested'>): OpenAct {
  const { tool_calls, expires_at: expiresAt, hook, input } = event.data
  const also = { expiresAt, ...(hook && { hook }) }
  const next = input
    ? { ...also, stage: 'input' as const, questions: input.questions, askedAt: input.asked_at }
    : { ...also, stage: 'requested' as const }
  return tool_calls.reduce((now, call) => reached(now, event, { ...next, call }), act)
}

/** Adds the outcome of the questions of a call, which is then started again. */
export function inputResolved(act: OpenAct, event: Of<'tool.input_resolved'>): OpenAct {
  const { tool_call_id, status, answered_by, answers } = event.data
  const outcome = { status, answered_by, answers }
  const calls = act.calls.map((open): OpenCall => {
    if (open.call.id !== tool_call_id) return open
    const known = [...open.answers, { questions: open.questions, outcome }]
    const { sequence } = event
    const over = { questions: [], expiresAt: undefined, isAbandoned: false }
    return { ...open, ...over, stage: 'answered', sequence, answers: known }
  })
  return { ...act, calls }
}

export function resolved(act: OpenAct, event: Of<'tool.approval_resolved'>): OpenAct {
  const { tool_call_id, decision, arguments: edited } = event.data
  if (decision !== 'approved') return act
  const { sequence } = event
  const calls = act.calls.map((open): OpenCall => {
    if (open.call.id !== tool_call_id) return open
    const call = edited ? { ...open.call, arguments: edited } : open.call
    const editedBy = edited ? 'person' : open.editedBy
    const now = { stage: 'approved' as const, isApproved: true, sequence, expiresAt: undefined }
    return { ...open, ...now, call, editedBy }
  })
  return { ...act, calls }
}

/** Ends the wait for the client and for answers after a message. Approvals wait on. */
export function abandoned(act: OpenAct): OpenAct {
  const calls = act.calls.map((open) =>
    endsWithMessage(open) ? { ...open, isAbandoned: true } : open,
  )
  return { ...act, calls }
}

const endsWithMessage = ({ stage, outcome }: OpenCall) =>
  (stage === 'requested' || stage === 'input') && !outcome

/** Marks a started call that changed files. */
export function changedFiles(act: OpenAct, callId: string | undefined): OpenAct {
  const calls = act.calls.map((open) =>
    open.call.id === callId && open.stage === 'started' ? { ...open, hasChangedFiles: true } : open,
  )
  return { ...act, calls }
}

export function completed(act: OpenAct, data: EventDataOf<'tool.completed'>): OpenAct {
  const outcome = data.success ? ('success' as const) : ('failure' as const)
  const calls = act.calls.map((open) =>
    open.call.id === data.tool_call_id ? { ...open, outcome } : open,
  )
  return { ...act, calls }
}

/** The decision for all calls of a tool. Without `ref`: of an older server. */
export type ToolDecision = { decision: 'allow' | 'reject'; ref: string | undefined }
/** With the sequence of each decision. */
export type ToolDecisions = ReadonlyMap<string, ToolDecision & { sequence: number }>

/** Adds a decision that holds for all calls of its tool. */
export function withRule(
  rules: ToolDecisions,
  { sequence, data }: Of<'tool.approval_resolved'>,
): ToolDecisions {
  if (!data.always) return rules
  const decision = data.decision === 'approved' ? 'allow' : 'reject'
  return new Map(rules).set(data.tool_name, { decision, ref: data.tool_ref, sequence })
}

type Content = EventDataOf<'output.message.completed'>['message']['content']

export function toolCallsOf(content: Content): ToolCall[] {
  return content
    .filter((part) => part.type === 'tool_call')
    .map(({ id, name, arguments: input }) => ({
      id,
      name,
      arguments: input as ToolCall['arguments'],
    }))
}
