import type { ClientToolResult } from '@outlast/contract'
import { ApiError } from '../../errors.ts'
import type { InnerCalls } from './inner-calls.ts'

/** Answers to waiting calls, in the form of the operations of the API. */
export type CallAnswers = {
  decisions: readonly object[]
  /** Answers to questions, one entry per call. */
  replies: readonly object[]
  results: readonly ClientToolResult[]
}

/**
 * Submits answers; decisions come first, because the turn continues with the last answer.
 * `skipAnswered`: calls that were answered elsewhere keep that answer.
 * Contract: throws the errors of the operations.
 */
export async function submitAnswers(
  { run }: Pick<InnerCalls, 'run'>,
  sessionId: string,
  { decisions, replies, results }: CallAnswers,
  { skipAnswered = false }: { skipAnswered?: boolean } = {},
): Promise<void> {
  const post = (operation: string, body: object) =>
    run('POST', `/v1/sessions/${sessionId}/${operation}`, body)
  const sendAll = skipAnswered ? sendOrSkip : postAnswers
  await sendAll(decisions, (approvals) => post('approvals', { approvals }))
  for (const reply of replies) await sendAll([reply], () => post('question-answers', reply))
  await sendAll(results, (tool_results) => post('tool-results', { tool_results }))
}

const answeredCodes: readonly string[] = [
  'approval_not_pending',
  'question_not_waiting',
  'tool_call_not_waiting',
]

type Send<T> = (answers: readonly T[]) => Promise<unknown>

async function postAnswers<T>(answers: readonly T[], post: Send<T>) {
  if (answers.length > 0) await post(answers)
}

/** Sends all answers at once; one by one, if another client has answered some of them meanwhile. */
async function sendOrSkip<T>(answers: readonly T[], post: Send<T>): Promise<void> {
  try {
    await postAnswers(answers, post)
  } catch (error) {
    if (!(error instanceof ApiError && answeredCodes.includes(error.code))) throw error
    if (answers.length > 1) for (const answer of answers) await sendOrSkip([answer], post)
  }
}
