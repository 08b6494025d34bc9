import type { DocsTable } from '../../core/docs.ts'

const base = '/v1/ai-sdk/agents/agent_01933b5a000070008000000000000101/chat'

/** A call of the AI SDK's own client, which these operations serve. */
const transport = `import { DefaultChatTransport } from 'ai'\n\nconst transport = new DefaultChatTransport({\n  api: 'http://localhost:9000${base}',\n  headers: { authorization: 'Bearer YOUR_TOKEN' },\n})`

const versions =
  '\n\nThe path is for version 7 of the AI SDK. Version 6 uses `/v1/ai-sdk/v6/…`, because it refuses chunk types of version 7.'

export const aiSdkDocs = {
  send_ai_sdk_chat: {
    tag: 'Front ends',
    summary: 'Send a chat of the AI SDK',
    description: `Sends the new input of a chat and streams the answer as a UI message stream of the AI SDK. The session is the one whose \`key\` is the id of the chat; the first request creates it.\n\nThe log is the truth: of \`messages\` only the last one is read, and the answers to calls that wait. A last message of a user is sent; with a known \`messageId\` it replaces that message. A last message of the assistant answers approvals and client tools. \`regenerate-message\` answers again. Repeating a request attaches to its turn.\n\nA file must be an image, or a text file of at most 256 KiB as a data URL, which the model reads as text. The body has at most 16 MiB. The permissions of the operations that it calls apply.${versions}`,
    errors: [
      'file_unsupported',
      'file_too_large',
      'session_busy',
      'too_many_messages',
      'too_many_turns',
      'quota_exceeded',
      'not_granted',
      'session_not_idle',
      'session_superseded',
    ],
    sample: transport,
  },
  resume_ai_sdk_chat: {
    tag: 'Front ends',
    summary: 'Resume the stream of a chat',
    description: `Streams the message of the running turn from its beginning and continues live, or of the turn that waits to begin. A turn that ended in the last 30 seconds is streamed once more, so that none is missed between reading the messages and resuming. Otherwise, and while the session waits for a person, the response is 204.\n\nWith \`message_id\` the stream is that of one turn, however long ago it ended, so that a client continues a broken answer. It is 404 if the chat has no such message, for example since an earlier one was edited.${versions}`,
    sample: transport,
  },
  list_ai_sdk_messages: {
    tag: 'Front ends',
    summary: 'List the messages of a chat',
    description: `Returns the messages of a chat as the AI SDK has them, for \`useChat({ messages })\`. They equal those of a client that followed the turns. A chat without messages has none yet. A page has whole exchanges, of at most 32 MiB together; \`before\` selects the page before it.${versions}`,
    errors: ['exchange_too_large'],
    sample: transport,
  },
  stop_ai_sdk_chat: {
    tag: 'Front ends',
    summary: 'Stop the turn of a chat',
    description: `Cancels the running turn. \`stop()\` of the AI SDK only closes the connection, and the turn continues.${versions}`,
    sample: transport,
  },
} as const satisfies DocsTable
