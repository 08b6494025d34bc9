import type { EventContext, EventDataOf, EventType, ToolCall } from '@outlast/contract'

/** A step of a turn: reasoning, or the tools of one reply. */
export type StepIds = { execId: string; spanId: string }

/** The tools of one reply. */
export type OpenAct = StepIds & { calls: OpenCall[] }

export type OpenCall = {
  /** With edited arguments where a person changed them. */
  call: ToolCall
  spanId: string
  step: StepIds
  /**
   * `asked`: waits for a person. `approved`: allowed, not started. `requested`: waits for the
   * client. `started`: runs here, or did.
   */
  stage: 'asked' | 'approved' | 'requested' | 'started'
  /** The sequence of the event of its stage. */
  sequence: number
  /** Deadline of `asked` and `requested`, as RFC 3339. */
  expiresAt: string | undefined
  /** True when the arguments differ from the model's. */
  isEdited: boolean
  /** A message arrived while the client had the call: the wait is over. */
  isAbandoned: boolean
  outcome: 'success' | 'failure' | undefined
  /** Whether it may run again, decided at its start. Undefined for old events and refused calls. */
  replay?: EventDataOf<'tool.started'>['replay']
}

/** The calls that a turn waits for when nothing else is left to do. Contract: pure. */
export function waitingCalls({ calls }: OpenAct): readonly OpenCall[] {
  const open = calls.filter(({ outcome }) => !outcome)
  return open.every((call) => isOutside(call) && !call.isAbandoned) ? open : []
}

/** True for a call that waits for a person or the client. */
export const isOutside = ({ stage }: OpenCall) => stage === 'asked' || stage === 'requested'

type At = { sequence: number; context: EventContext }
type Of<T extends EventType> = At & { data: EventDataOf<T> }

type Reached = Pick<OpenCall, 'call' | 'stage' | 'replay'> & { expiresAt?: string }

/** Moves a call to its next stage; the first stage adds it to the step. */
export function reached(
  act: OpenAct,
  { sequence, context }: At,
  { expiresAt, ...next }: Reached,
): OpenAct {
  const before = act.calls.find((open) => open.call.id === next.call.id)
  const spanId = before?.spanId ?? context.span_id!
  const step = { execId: act.execId, spanId: act.spanId }
  const at = { ...next, sequence, expiresAt, spanId, step }
  const now = { isEdited: false, isAbandoned: false, outcome: undefined, ...before, ...at }
  if (!before) return { ...act, calls: [...act.calls, now] }
  return { ...act, calls: act.calls.map((open) => (open === before ? now : open)) }
}

export function requested(act: OpenAct, event: Of<'tool.call_requested'>): OpenAct {
  const { tool_calls, expires_at: expiresAt } = event.data
  return tool_calls.reduce(
    (now, call) => reached(now, event, { stage: 'requested', call, expiresAt }),
    act,
  )
}

export function resolved(act: OpenAct, event: Of<'tool.approval_resolved'>): OpenAct {
  const { tool_call_id, decision, arguments: edited } = event.data
  if (decision !== 'approved') return act
  const { sequence } = event
  const calls = act.calls.map((open): OpenCall => {
    if (open.call.id !== tool_call_id) return open
    const call = edited ? { ...open.call, arguments: edited } : open.call
    const isEdited = edited !== undefined
    return { ...open, call, isEdited, stage: 'approved', sequence, expiresAt: undefined }
  })
  return { ...act, calls }
}

/** Ends the wait for the client after a message. Other waits continue. */
export function abandoned(act: OpenAct): OpenAct {
  const calls = act.calls.map((open) =>
    isWithClient(open) ? { ...open, isAbandoned: true } : open,
  )
  return { ...act, calls }
}

const isWithClient = ({ stage, outcome }: OpenCall) => stage === 'requested' && !outcome

export function completed(act: OpenAct, data: EventDataOf<'tool.completed'>): OpenAct {
  const outcome = data.success ? ('success' as const) : ('failure' as const)
  const calls = act.calls.map((open) =>
    open.call.id === data.tool_call_id ? { ...open, outcome } : open,
  )
  return { ...act, calls }
}
