import type { DocsTable } from '../../core/docs.ts'

const session = 'session_01933b5a000070008000000000000001'

export const reportDocs = {
  get_session_stats: {
    tag: 'Sessions',
    summary: 'Count sessions by status',
    description:
      'Returns the number of sessions of the organization, in total and by status. The counts are of one moment.',
    sample: 'const { active } = await outlast.sessions.stats()',
  },
  summarize_events: {
    tag: 'Events',
    summary: 'Summarize events',
    description:
      'Counts the stored events of a session by type, with the number of its turns and of its failed turns. It reads the whole log of the session once.',
    sample: `const { turn_count } = await outlast.events.summary('${session}')`,
  },
  get_context_report: {
    tag: 'Sessions',
    summary: 'Report what fills the context window',
    description:
      'Estimates the tokens of the next prompt of a session by section and origin: the system prompt, the tools, and the messages that the model would read after compaction. It calls no model and changes nothing.',
    errors: ['session_widens_agent', 'capability_unknown'],
    sample: `const report = await outlast.sessions.contextReport('${session}')`,
  },
} as const satisfies DocsTable
