import type { DocsTable } from '../../core/docs.ts'

const session = 'session_01933b5a000070008000000000000001'

export const feedbackDocs = {
  give_feedback: {
    tag: 'Sessions',
    summary: 'Rate a message or a turn',
    description:
      'Stores a rating with an optional comment as an event `feedback.given`, also while a turn runs; the model never receives it. A later rating of the same caller for the same message or turn replaces the earlier one, and `rating: null` withdraws it. A repeat stores nothing. `GET /v1/sessions?feedback=down` lists sessions by their ratings. After 1,000 of these events a session accepts only withdrawals.',
    errors: ['feedback_full', 'quota_exceeded'],
    sample: `await outlast.sessions.giveFeedback('${session}', {\n  message_id: 'message_01933b5a000070008000000000000001',\n  rating: 'down',\n  comment: 'The total is wrong.',\n})`,
  },
} as const satisfies DocsTable
