import type { DocsTable } from '../../core/docs.ts'

export const retryDocs = {
  retry_session: {
    tag: 'Sessions',
    summary: 'Retry the failed turn',
    description:
      'Starts a new turn for the message of the latest turn, which must have failed. The failed turn stays in the log. A repeat while that retry runs returns it with 200 and has no further effect.',
    errors: [
      'turn_not_failed',
      'session_not_idle',
      'too_many_messages',
      'too_many_turns',
      'quota_exceeded',
    ],
    sample:
      "const retried = await outlast.sessions.retry('session_01933b5a000070008000000000000001')",
  },
} as const satisfies DocsTable
