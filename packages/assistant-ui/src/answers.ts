import type { OutlastSession } from '@outlast/react'
import type { NewQuestionAnswer, Question } from '@outlast/sdk'

/** A decision or answers, as assistant-ui passes them on. */
export type ApprovalAnswer = {
  approvalId: string
  approved: boolean
  reason?: string
  answers?: Readonly<Record<string, { optionIds?: readonly string[]; text?: string }>>
}

/** Sends a decision, or answers to the questions of a tool. */
export async function respond(
  session: OutlastSession,
  { approvalId, approved, reason, answers = {} }: ApprovalAnswer,
): Promise<void> {
  const asking = session.waiting.inputs.find(({ id }) => id === approvalId)
  if (!asking) {
    await (approved
      ? session.approve(approvalId)
      : session.deny(approvalId, reason === undefined ? {} : { reason }))
    return
  }
  const { questions, asked_at } = asking.questions!
  const named = { tool_call_id: approvalId, asked_at }
  const given = questions.flatMap((question) => {
    const answer = answers[question.id]
    return answer ? [answerOf(question, answer)] : []
  })
  await session.answer(approved ? { ...named, answers: given } : { ...named, status: 'declined' })
}

function answerOf(
  { id, kind }: Question,
  { optionIds = [], text }: { optionIds?: readonly string[]; text?: string },
): NewQuestionAnswer {
  switch (kind) {
    case 'choice': {
      const selected = optionIds.length > 0 && { selected: [...optionIds] }
      return { id, ...selected, ...(text && { other_text: text }) }
    }
    case 'boolean':
      return { id, value: optionIds[0] === 'Yes' }
    case 'number':
      return { id, value: Number(text) }
    case 'text':
      return { id, value: text ?? '' }
    case 'secret':
      return { id, secret: text ?? '' }
  }
}
