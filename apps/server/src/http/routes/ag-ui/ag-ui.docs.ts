import type { DocsTable } from '../../core/docs.ts'

const url = 'http://localhost:9000/v1/ag-ui/agents/agent_01933b5a000070008000000000000101'

/** A call of AG-UI's own client, which these operations serve. */
const sample = `import { HttpAgent } from '@ag-ui/client'\n\nconst agent = new HttpAgent({\n  url: '${url}',\n  threadId: 'chat-4711',\n  headers: { authorization: 'Bearer YOUR_TOKEN' },\n})\nagent.addMessage({ id: 'm1', role: 'user', content: 'Summarize the sales of last week.' })\nawait agent.runAgent()`

export const agUiDocs = {
  run_ag_ui_agent: {
    tag: 'Front ends',
    summary: 'Run an agent for an AG-UI client',
    description:
      "Sends the new input of an AG-UI client, and streams the run as AG-UI events. `threadId` is the `key` of the session; the first run creates it. A run ends with the turn, or when the turn waits: for interrupts, or for results of the client's tools.\n\nNew input are the messages of `user` at the end, results of open calls, and `resume`. A known message at the end is answered again; with other content it replaces the earlier one. A known `runId`, and a run without input, attaches: it gets the run from its beginning, or after `Last-Event-ID`. `resume` must answer all open interrupts, otherwise the run ends with `RUN_ERROR` and the code `interrupts_open`.\n\nClients of 1.0 send `protocolVersion`; others get the events of 0.0.59. The permissions of the operations that it calls apply.",
    errors: [
      'file_unsupported',
      'file_too_large',
      'unknown_event_id',
      'history_changed',
      'session_busy',
      'too_many_messages',
      'too_many_turns',
      'quota_exceeded',
      'not_granted',
      'session_not_idle',
      'session_superseded',
    ],
    sample,
  },
  read_ag_ui_thread: {
    tag: 'Front ends',
    summary: 'Read a thread, or join a run',
    description:
      'With `threadId`: returns the messages of a thread, the run in progress and its open interrupts, for a client that opens the thread again. A thread without a session is empty. With `runId`: streams that run from its beginning, or after `Last-Event-ID`, and continues live. These are the requests of TanStack AI.',
    errors: ['unknown_event_id', 'history_changed'],
    sample: `const thread = await fetch(\n  '${url}?threadId=chat-4711&format=ag-ui',\n  { headers: { authorization: 'Bearer YOUR_TOKEN' } },\n)`,
  },
  get_ag_ui_capabilities: {
    tag: 'Front ends',
    summary: 'Get the AG-UI capabilities of an agent',
    description:
      'Returns the features of the agent as `AgentCapabilities` of AG-UI. Tokens do not see the name and the tools of the agent.',
    sample: `const capabilities = await fetch('${url}/capabilities', {\n  headers: { authorization: 'Bearer YOUR_TOKEN' },\n})`,
  },
} as const satisfies DocsTable
