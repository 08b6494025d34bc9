import type { EventContext, EventDataOf, EventType, ToolCall } from '@outlast/contract'

/** A step of a turn: reasoning, or the tools of one reply. */
export type StepIds = { execId: string; spanId: string }

/** The tools of one reply. */
export type OpenAct = StepIds & { calls: OpenCall[] }

export type OpenCall = {
  /** With the arguments that somebody put in place of the model's. */
  call: ToolCall
  spanId: string
  step: StepIds
  /**
   * `asked`: a person is to decide. `approved`: one did, and nothing has begun. `requested`: the
   * client is to run it. `started`: it runs here, or did.
   */
  stage: 'asked' | 'approved' | 'requested' | 'started'
  /** The sequence of the event of its stage. */
  sequence: number
  /** When `asked` and `requested` end by themselves, as RFC 3339. */
  expiresAt: string | undefined
  /** The arguments are not those of the model. */
  isEdited: boolean
  /** A message came while the client was to run it: nobody waits for the client any more. */
  isAbandoned: boolean
  outcome: 'success' | 'failure' | undefined
  /** Whether it may run again, decided at its start. Undefined: old events, refused calls. */
  replay?: EventDataOf<'tool.started'>['replay']
}

/** The calls that a turn waits for, when nothing else is left to do. Contract: pure. */
export function waitingCalls({ calls }: OpenAct): readonly OpenCall[] {
  const open = calls.filter(({ outcome }) => !outcome)
  return open.every((call) => isOutside(call) && !call.isAbandoned) ? open : []
}

/** True for a call on which the next word is not this server's. */
export const isOutside = ({ stage }: OpenCall) => stage === 'asked' || stage === 'requested'

type At = { sequence: number; context: EventContext }
type Of<T extends EventType> = At & { data: EventDataOf<T> }

type Reached = Pick<OpenCall, 'call' | 'stage' | 'replay'> & { expiresAt?: string }

/** The call at its next stage; the first makes it one of the step's. */
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

/** A message ends the wait for the client, and no other. */
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
