import type { EventContext } from '@outlast/contract'
import type { StepIds } from '../log/open-calls.ts'
import type { TurnFacts, TurnLog } from './attempt.ts'

/** The context of events about the turn as a whole. */
export function turnContext(turnId: string, inputMessageId: string): EventContext {
  return { turn_id: turnId, input_message_id: inputMessageId, trace_id: turnId }
}

export const contextOf = ({ run, taken }: TurnFacts & TurnLog): EventContext =>
  turnContext(run.turnId, taken.turn_input)

/** The context of events about a step as a whole. */
export const stepContext = (turn: EventContext, { execId, spanId }: StepIds): EventContext => ({
  ...turn,
  exec_id: execId,
  span_id: spanId,
  parent_span_id: turn.turn_id!,
})

/** The context of events about one model call or tool call of a step. */
export const callContext = (turn: EventContext, step: StepIds, spanId: string): EventContext => ({
  ...turn,
  exec_id: step.execId,
  span_id: spanId,
  parent_span_id: step.spanId,
})
