import type { EventDataOf } from '@outlast/contract'
import { textPreview } from '../../text.ts'
import { contentText, type LoggedEvent } from './state.ts'

/** What the end of a completed turn tells about its calls and its answer. */
export type TurnTotals = Pick<
  EventDataOf<'turn.completed'>,
  | 'final_message_id'
  | 'final_answer_preview'
  | 'llm_call_count'
  | 'tool_call_count'
  | 'time_to_first_token_ms'
>

/** Sums up a turn. Contract: pure. */
export function turnTotals(turnId: string, events: readonly LoggedEvent[]): TurnTotals {
  const totals: TurnTotals = { llm_call_count: 0, tool_call_count: 0 }
  for (const event of events) {
    if (event.context.turn_id === turnId) count(totals, event)
  }
  return totals
}

function count(totals: TurnTotals, event: LoggedEvent): void {
  if (event.type === 'reason.started') totals.llm_call_count! += 1
  if (event.type === 'tool.completed') totals.tool_call_count! += 1
  if (event.type === 'llm.generation') {
    const { time_to_first_token_ms: firstMs } = event.data.metadata
    if (firstMs !== undefined) totals.time_to_first_token_ms ??= firstMs
  }
  if (event.type !== 'output.message.completed') return
  const { id, content } = event.data.message
  totals.final_message_id = id
  const text = contentText(content)
  if (text === undefined) delete totals.final_answer_preview
  else totals.final_answer_preview = textPreview(text)
}
