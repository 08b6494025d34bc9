import type { Decider, EventContext, Question, QuestionOutcome } from '@outlast/contract'
import type { GivenQuestion } from '../../capabilities/question-schema.ts'
import { questionsOf } from '../../capabilities/questions.ts'
import type { Draft } from '../journal/attempt.ts'
import { makeDraft } from '../journal/journal.ts'
import type { OpenCall } from '../log/open-calls.ts'
import { withEdit } from './call.ts'

/** The questions of a call of a tool that only asks. */
export const questionsOfCall = (input: unknown): Question[] =>
  questionsOf((input as { questions: GivenQuestion[] }).questions)

/**
 * Drafts the outcome of a call's questions. It is the result of a tool that only asks; a tool that
 * was running gets it when it runs again.
 */
export function questionDraft(
  open: OpenCall,
  context: EventContext,
  { outcome, by }: { outcome: QuestionOutcome; by?: Decider },
): Draft {
  const about = { tool_call_id: open.call.id, tool_name: open.call.name }
  if (open.startedAt !== undefined) {
    const decided = by && { decided_by: by }
    return makeDraft('tool.input_resolved', context, { ...about, ...outcome, ...decided })
  }
  const completed = {
    ...about,
    success: true,
    status: 'success' as const,
    result: [{ type: 'text' as const, text: JSON.stringify(outcome) }],
    ...(by && { answered_by: by }),
  }
  return makeDraft('tool.completed', context, withEdit(open, completed))
}
