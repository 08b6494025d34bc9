import type { DocsTable } from '../../core/docs.ts'

export const sessionDocs = {
  list_sessions: {
    tag: 'Sessions',
    summary: 'List sessions',
    description:
      'Returns a page of the sessions of the organization, newest first unless `sort` is given. Filters combine with AND. `q` searches the texts of conversations, and adds `match` to the sessions. Use `GET /v1/changes` to keep a list current instead of polling.',
    sample: "const page = await outlast.sessions.list({ status: 'active', limit: 20 })",
  },
  create_session: {
    tag: 'Sessions',
    summary: 'Create a session',
    description:
      'Creates a conversation with an agent, by id or by name. Without either, the general agent of the organization answers: it has no tools, and no prompt beside that of the session. No model is called until the first message. `capabilities` and `tools` add to those of the agent; a config for a capability of the agent can only narrow its limits. A session never changes its agent. If a session of the agent and the end user has the `key`, the response is that session with 200 and the header `Outlast-Session: existing`. `messages` are earlier messages of the conversation: they are stored in the new session and start no turn.',
    errors: [
      'agent_archived',
      'quota_exceeded',
      'capability_unknown',
      'session_widens_agent',
      'model_unavailable',
      'tool_call_unpaired',
      'history_too_large',
      'image_unknown',
    ],
    sample:
      "const session = await outlast.sessions.create({\n  agent_id: 'agent_01933b5a000070008000000000000101',\n  title: 'Refund for order 4711',\n})",
  },
  get_session: {
    tag: 'Sessions',
    summary: 'Get a session',
    description:
      'Returns one session with its status, usage and, if it waits, the tool calls that it waits for. In the `chat` view a session token gets neither the capabilities nor the client tools of others.',
    sample:
      "const session = await outlast.sessions.get('session_01933b5a000070008000000000000001')",
  },
  preview_session: {
    tag: 'Sessions',
    summary: 'Preview the prompt of a session',
    description:
      'Returns the system prompt and the tools that the next turn of the session would send to the model. It calls no model and changes nothing. Use it to check the effect of capabilities and client tools.',
    errors: ['session_widens_agent', 'capability_unknown'],
    sample:
      "const preview = await outlast.sessions.preview('session_01933b5a000070008000000000000001')",
  },
  update_session: {
    tag: 'Sessions',
    summary: 'Update a session',
    description:
      'Changes the title, the tags or the legal hold. Absent and null properties stay as they are; `tags` replaces the whole list. A legal hold needs `admin` access: while it is set, neither a request nor retention deletes the session.',
    sample:
      "const session = await outlast.sessions.update('session_01933b5a000070008000000000000001', {\n  title: 'Refund approved',\n})",
  },
  delete_session: {
    tag: 'Sessions',
    summary: 'Delete a session',
    description:
      'Deletes a session with its messages, events, files and tokens. A running turn ends, and open streams close with the reason `session_deleted`. The deletion cannot be undone. Forks of the session stay.',
    errors: ['legal_hold'],
    sample: "await outlast.sessions.delete('session_01933b5a000070008000000000000001')",
  },
  cancel_turn: {
    tag: 'Sessions',
    summary: 'Cancel the running turn',
    description:
      'Ends the turn of a session: it writes `turn.cancelled`, stores the text that was generated so far, and returns when the turn has ended. The session stays usable. A call without a running turn succeeds and changes nothing, so a repeat is safe. With `turn_id`, only that turn is cancelled: not the next one, if that turn has just ended.',
    errors: ['session_changing'],
    sample:
      "const result = await outlast.sessions.cancelTurn('session_01933b5a000070008000000000000001')",
  },
} as const satisfies DocsTable
