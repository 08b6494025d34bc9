import type { DocsTable } from '../../core/docs.ts'

const session = 'session_01933b5a000070008000000000000001'

export const messageDocs = {
  create_message: {
    tag: 'Messages',
    summary: 'Send a message',
    description:
      'Stores a message and starts a turn that answers it. The response returns as soon as the message is stored; the reply arrives on the event stream. A stored message survives a crash of every node.\n\n`on_busy` selects the handling while a turn runs: `steer` (default) adds the message to that turn at its next model call, `queue` gives it a turn of its own afterwards, `interrupt` cancels that turn first, and `reject` returns 409 `session_busy`.\n\nA message with the role `tool_result` answers client tool calls and starts no turn. The body has at most 8 MiB and 20 images. The header `traceparent` links the turn to the trace of the caller.\n\n`controls.output_schema` binds the answer to a JSON Schema: `turn.completed` then has `output`. `instructions`, `context` and `tools` hold for the turn of this message only. A message with one of these four does not join a running turn: it is queued unless `on_busy` is `interrupt` or `reject`.\n\nA session token may set `controls.model_id` only to a model in its `models`, and an effort only together with it. It may not set instructions, context, tools or a schema.',
    errors: [
      'session_busy',
      'changed_meanwhile',
      'too_many_messages',
      'too_many_turns',
      'quota_exceeded',
      'not_granted',
      'tool_call_not_waiting',
      'image_unknown',
      'session_changing',
      'invalid_output_schema',
      'session_widens_agent',
    ],
    sample: `const message = await outlast.messages.create('${session}', {\n  message: { content: [{ type: 'text', text: 'Refund order 4711, please.' }] },\n})`,
  },
  list_messages: {
    tag: 'Messages',
    summary: 'List messages',
    description:
      'Returns the messages of a session, oldest first: user messages, replies with their tool calls, and tool results. Without `limit` it streams the whole list. `sequence` is the sequence of the event that stored the message, so gaps are normal. In the `chat` view a session token gets neither thinking nor arguments and results of tools, except those of its own client tools.',
    sample: `const messages = await outlast.messages.list('${session}', { limit: 50 })`,
  },
} as const satisfies DocsTable
