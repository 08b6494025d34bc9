/** A message as far as this module reads it: any `UIMessage` of the AI SDK fits. */
export type AnsweredMessage = {
  role: string
  parts: readonly {
    type: string
    state?: unknown
    providerExecuted?: unknown
    toolCallId?: unknown
    data?: unknown
  }[]
}

/**
 * A `sendAutomaticallyWhen` that sends when nothing of the last step waits for the person or the
 * page any more, and something of it was answered here. A tool of the server may still run.
 */
export function sendWhenAnswered({ messages }: { messages: readonly AnsweredMessage[] }): boolean {
  const last = messages.at(-1)
  if (last?.role !== 'assistant' || last.parts.some(asksQuestions)) return false
  const step = last.parts.findLastIndex(({ type }) => type === 'step-start')
  const calls = last.parts.slice(step + 1).filter(({ toolCallId }) => toolCallId !== undefined)
  const isOpen = calls.some(
    ({ state, providerExecuted }) =>
      state === 'approval-requested' || (state === 'input-available' && !providerExecuted),
  )
  const isAnswered = calls.some(
    ({ state, providerExecuted }) =>
      state === 'approval-responded' ||
      ((state === 'output-available' || state === 'output-error') && !providerExecuted),
  )
  return isAnswered && !isOpen
}

/** Questions wait in a part beside their call, which the server runs. */
const asksQuestions = ({ type, data }: AnsweredMessage['parts'][number]) =>
  type === 'data-outlast-question' && (data as { status?: unknown }).status === 'open'
