import type { DocsTable } from '../../core/docs.ts'

const session = 'session_01933b5a000070008000000000000001'

export const questionDocs = {
  submit_question_answers: {
    tag: 'Tool calls',
    summary: 'Answer the questions of a tool',
    description:
      'Answers or declines the questions that a tool asks a person, after the event `tool.call_requested` with `input`. All questions of the call are answered in one request. The answers are checked against the questions in the event. The first request wins; a later one, and one after `expires_at`, gets 409. A message instead of answers ends the questions as `cancelled`. The `secret` of an answer is stored as a secret of the session, and no event, response or log contains it. A session token cannot answer with a secret.',
    errors: [
      'question_not_waiting',
      'question_not_named',
      'question_unknown',
      'question_repeated',
      'question_unanswered',
      'option_not_offered',
      'answer_invalid',
      'answer_too_long',
      'answer_is_credential',
      'secret_not_stored',
      'encryption_not_configured',
      'value_too_large',
      'storage_full',
      'quota_exceeded',
      'session_changing',
    ],
    sample: `await outlast.session('${session}').answer({\n  answers: [{ id: 'q1', selected: ['Red'] }],\n})`,
  },
} as const satisfies DocsTable
