import type { AiSdkChat, Session, UIMessage } from '@outlast/contract'
import type { OpenCall } from '@outlast/contract/folds/ai-sdk'
import { submitAnswers } from '../../adapters/call-answers.ts'
import type { Chat } from './chats.ts'

type Part = UIMessage['parts'][number]
type Open = { session: Session; open: readonly OpenCall[] }

/**
 * Sends the answers of a client to calls that are open: decisions, results of client tools, and
 * answers to questions. Returns the ids of the answered calls. Others have their outcome already.
 */
export async function sendAnswers(
  chat: Chat,
  { messages, question_answers }: AiSdkChat,
  { session, open }: Open,
): Promise<string[]> {
  const parts = toolParts(messages)
  const waiting = (stage: OpenCall['stage']) =>
    open.filter((call) => call.stage === stage).map(({ id }) => id)
  const decisions = waiting('approval').flatMap((id) => decisionIn(parts, id) ?? [])
  const results = waiting('client').flatMap((id) => resultIn(parts, id) ?? [])
  const asking = waiting('input')
  const answers = (question_answers ?? []).filter(
    ({ tool_call_id: id }) => (id == null && asking.length === 1) || asking.includes(id ?? ''),
  )
  const given = { decisions, replies: answers, results }
  await submitAnswers(chat.calls, session.id, given, { skipAnswered: true })
  const answered = [...decisions, ...results].map(({ tool_call_id }) => tool_call_id)
  return [...answered, ...answers.map(({ tool_call_id }) => tool_call_id ?? asking[0]!)]
}

/** Parts of tools by the id of their call. The last one counts. */
function toolParts(messages: readonly UIMessage[]): ReadonlyMap<string, Part> {
  const parts = messages.flatMap(({ role, parts }) => (role === 'assistant' ? parts : []))
  return new Map(
    parts.flatMap((part) =>
      typeof part.toolCallId === 'string' ? [[part.toolCallId, part] as const] : [],
    ),
  )
}

function decisionIn(parts: ReadonlyMap<string, Part>, tool_call_id: string) {
  const { state, approval } = parts.get(tool_call_id) ?? {}
  const { approved, reason } = (approval ?? {}) as { approved?: unknown; reason?: unknown }
  if (state !== 'approval-responded' || typeof approved !== 'boolean') return undefined
  const decision = approved ? ('approve' as const) : ('deny' as const)
  return { tool_call_id, decision, ...(typeof reason === 'string' && { reason }) }
}

function resultIn(parts: ReadonlyMap<string, Part>, tool_call_id: string) {
  const { state, output, errorText } = parts.get(tool_call_id) ?? {}
  if (state === 'output-available') return { tool_call_id, result: output ?? null }
  if (state === 'output-error') return { tool_call_id, error: String(errorText ?? 'failed') }
  return undefined
}
