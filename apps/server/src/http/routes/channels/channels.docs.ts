import type { DocsTable } from '../../core/docs.ts'

const channel = 'appchan_01933b5a000070008000000000000001'
const session = 'session_01933b5a000070008000000000000001'

/** The texts of the execution API. */
export const executionDocs = {
  get_agent_card: {
    tag: 'Agent execution',
    summary: 'Get the agent of a channel',
    description:
      'Returns the name and the description of the agent, the content that messages may have, and the accepted credentials. Nothing of its settings.',
    sample: `const card = await outlast.channels.getCard('${channel}')`,
  },
  create_runtime_token: {
    tag: 'Agent execution',
    summary: 'Create a runtime token',
    description:
      'Creates a token of 15 minutes for the user in `End-User`, for a browser or an app: the key stays on your server. The token opens the sessions of this user on this channel and makes no other token. It ends with the key that created it.',
    errors: ['end_user_required', 'encryption_not_configured'],
    sample: `const { access_token } = await outlast.channels.createRuntimeToken('${channel}', {\n  endUser: 'customer-42',\n})`,
  },
  create_agent_session: {
    tag: 'Agent execution',
    summary: 'Create a session through a channel',
    description:
      'Creates a session of the caller. `Location` has its path. Unknown properties of the body are refused.',
    errors: ['quota_exceeded', 'agent_archived', 'spending_limit'],
    sample: `const session = await outlast.channels.createSession('${channel}', { title: 'Order 42' })`,
  },
  list_agent_sessions: {
    tag: 'Agent execution',
    summary: "List the caller's sessions",
    description: 'Returns the sessions of the caller, latest activity first.',
    sample: `const { data } = await outlast.channels.listSessions('${channel}')`,
  },
  get_agent_session: {
    tag: 'Agent execution',
    summary: 'Get a session through a channel',
    description:
      'Returns a session of the caller, with the tool calls that wait for an approval. A session of another caller is 404, like an unknown one.',
    sample: `const session = await outlast.channels.getSession('${channel}', '${session}')`,
  },
  send_agent_message: {
    tag: 'Agent execution',
    summary: 'Send a message through a channel',
    description:
      'Stores a text message of the caller. It starts a turn, or joins the running one. Properties of the body other than `message` are ignored.',
    errors: ['too_many_messages', 'too_many_turns', 'not_granted', 'spending_limit'],
    sample: `const message = await outlast.channels.sendMessage('${channel}', '${session}', {\n  message: { content: [{ type: 'text', text: 'Where is my order?' }] },\n})`,
  },
  cancel_agent_session: {
    tag: 'Agent execution',
    summary: 'Cancel a turn through a channel',
    description: 'Cancels the running turn of a session of the caller.',
    sample: `await outlast.channels.cancel('${channel}', '${session}')`,
  },
  answer_agent_questions: {
    tag: 'Agent execution',
    summary: 'Answer questions through a channel',
    description:
      'Answers the questions in `pending_questions`, or declines them. Secrets are refused with 400: such a question can only be declined.',
    errors: ['question_not_waiting', 'question_not_named'],
    sample: `await outlast.channels.answerQuestions('${channel}', '${session}', {\n  answers: [{ id: 'q1', selected: ['Red'] }],\n})`,
  },
  decide_agent_tool_calls: {
    tag: 'Agent execution',
    summary: 'Decide on tool calls through a channel',
    description:
      'Decides on all tool calls in `pending_approvals`, if `tool_approvals` of the channel is `caller`. Calls that the request leaves out do not run.',
    errors: ['approvals_by_operator', 'approval_not_pending'],
    sample: `await outlast.channels.decideToolCalls('${channel}', '${session}', {\n  decisions: [{ tool_call_id: 'call_1', decision: 'allow' }],\n})`,
  },
  list_agent_events: {
    tag: 'Agent execution',
    summary: 'List events through a channel',
    description:
      'Returns the events of a session that the channel shows, oldest first. `visibility` and `errors` of the channel decide what they contain. A page with fewer events than `limit` is the last one.',
    sample: `const { data } = await outlast.channels.listEvents('${channel}', '${session}')`,
  },
  stream_agent_events: {
    tag: 'Agent execution',
    summary: 'Stream events through a channel',
    description:
      'Sends the events of a session that the channel shows as server-sent events: stored ones first, then new ones, and the text of replies while it is written. The stream ends when the key ends or the channel changes.',
    errors: ['too_many_streams', 'unknown_event_id', 'history_changed'],
    sample: `for await (const event of outlast.channels.stream('${channel}', '${session}')) {\n  if (event.type === 'output.message.delta') process.stdout.write(event.data.delta)\n  if (event.type === 'turn.completed') break\n}`,
  },
} as const satisfies DocsTable
