import type { DocsTable } from '../../core/docs.ts'

export const retakeDocs = {
  retake_message: {
    tag: 'Sessions',
    summary: 'Retake a message',
    description:
      'Continues a session from one of its user messages: forks it just before the message, moves its `key` to the fork (with all that `take_key` of a fork moves), and sends the same or another message there. Use it to regenerate a reply or to edit a message. A message that waited for the end of another turn is replaced at its place instead, so that the fork has that turn to its end. All of this happens at once or not at all; a repeat returns the same session and message with 200. The earlier session names the new one in `superseded_by`.',
    errors: [
      'message_not_retakable',
      'session_not_idle',
      'session_superseded',
      'fork_too_long',
      'image_unknown',
      'agent_archived',
      'secrets_unavailable',
      'secret_unreadable',
      'quota_exceeded',
      'too_many_messages',
      'too_many_turns',
    ],
    sample:
      "const { session, message } = await outlast.sessions.retake('session_01933b5a000070008000000000000001', {\n  message_id: 'message_01933b5a00007000800000000000b001',\n})",
  },
} as const satisfies DocsTable
