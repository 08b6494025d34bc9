import type { DocsTable } from '../../core/docs.ts'

export const waitingDocs = {
  list_waiting: {
    tag: 'Tool calls',
    summary: 'List what waits for a person',
    description:
      "Returns what waits for a person in all sessions: tool calls that need approval, questions, budgets that are used up, and MCP servers that reject their key or headers. Servers come first, then the longest wait. Callers see only what they may answer, and members also budgets, which administrators answer: tokens of end users see questions of that user's sessions, and approvals with the access `approve`; `sign_in` is for administrators. To follow changes, read the list again after a `session.changed` event of the change feed.",
    sample: "const waiting = await outlast.waiting.list({ type: 'approval' })",
  },
} as const satisfies DocsTable
