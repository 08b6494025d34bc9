import type { DocsTable } from '../../core/docs.ts'

export const forkDocs = {
  fork_session: {
    tag: 'Sessions',
    summary: 'Fork a session',
    description:
      'Creates a session that copies another one up to an event: its conversation, its configuration and its files at that event. The source does not change. Use `at_sequence` or `event_id` to choose the last event, not both; without either, all events are copied. `take_key` moves the key of the source to the fork, with its pins, budgets and schedules, and with copies of its secrets, rules for tools and legal hold. A fork copies at most 200,000 events and 512 MiB of events.',
    errors: [
      'unknown_sequence',
      'unknown_event_id',
      'fork_too_long',
      'session_without_key',
      'agent_archived',
      'model_unavailable',
      'secrets_unavailable',
      'secret_unreadable',
      'quota_exceeded',
    ],
    sample:
      "const fork = await outlast.sessions.fork('session_01933b5a000070008000000000000001', {\n  at_sequence: 12,\n})",
  },
} as const satisfies DocsTable
