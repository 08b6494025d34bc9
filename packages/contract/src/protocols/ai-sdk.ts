/** Requests and responses of clients of the AI SDK. */
import { type Static, Type } from 'typebox'
import { EndUserId } from '../access/end-user.ts'
import { ClientTools } from '../agents/capability.ts'
import { AnyObject, described, integerMax, nullable, oneOf, optional } from '../core/shape.ts'
import { Controls, OnBusy } from '../messages/message.ts'
import { QuestionAnswers } from '../messages/question.ts'
import { SessionKey } from '../sessions/session.ts'
import { Context, Instructions } from '../sessions/turn-settings.ts'

export const UIMessage = Type.Object(
  {
    id: Type.Optional(
      Type.String({ maxLength: 200, description: 'Id that the client gave the message.' }),
    ),
    role: Type.String({ description: '`user` or `assistant`.', examples: ['user'] }),
    parts: Type.Array(AnyObject, {
      description: 'Parts as the AI SDK defines them. Parts of unknown types are ignored.',
    }),
    metadata: Type.Optional(Type.Unknown({ description: 'Metadata of the message.' })),
  },
  {
    title: 'UIMessage',
    description: 'A message of the AI SDK.',
    examples: [{ id: 'msg-1', role: 'user', parts: [{ type: 'text', text: 'Open the door.' }] }],
  },
)
export type UIMessage = Static<typeof UIMessage>

export const AiSdkChat = Type.Object(
  {
    id: described(SessionKey, 'Id of the chat, which is the `key` of its session.'),
    messages: Type.Array(UIMessage, {
      minItems: 1,
      maxItems: 10_000,
      description:
        'Messages of the client. Only the last one is read, and of earlier ones the answers to open calls: the log is the truth.',
    }),
    trigger: optional(
      oneOf('submit-message', 'regenerate-message'),
      'Reason of the request. Default: `submit-message`.',
    ),
    messageId: optional(
      Type.String({ maxLength: 200 }),
      'Message to replace or to answer again. Default: none.',
    ),
    user: optional(
      EndUserId,
      'End user to whom the chat belongs, for callers that are no token of a user. Default: none.',
    ),
    question_answers: optional(
      Type.Array(QuestionAnswers, { maxItems: 20 }),
      'Answers to questions that wait in the chat, with their `tool_call_id`. Default: none.',
    ),
    on_busy: optional(
      OnBusy,
      'Effect while a turn runs, as of a message. Default: `queue`, so that each message has an answer of its own.',
    ),
    controls: optional(Controls, 'Model, effort and output schema of the turn.'),
    metadata: optional(AnyObject, 'Any JSON object, which is stored with the message.'),
    instructions: optional(Instructions, 'Additional system text of the turn.'),
    context: optional(Context, 'Facts for the turn.'),
    tools: optional(ClientTools, 'Client tools for the turn.'),
  },
  {
    title: 'AiSdkChatRequest',
    description: 'What a client of the AI SDK sends: its messages, and why it sends them.',
    examples: [
      {
        id: 'chat-4711',
        messages: [
          { id: 'msg-1', role: 'user', parts: [{ type: 'text', text: 'Open the door.' }] },
        ],
        trigger: 'submit-message',
      },
    ],
  },
)
export type AiSdkChat = Static<typeof AiSdkChat>

const ofUser = Type.Optional(
  described(EndUserId, 'End user to whom the chat belongs. Tokens of a user need none.'),
)

export const AiSdkQuery = Type.Object({ user: ofUser })
export type AiSdkQuery = Static<typeof AiSdkQuery>

export const AiSdkStreamQuery = Type.Object({
  user: ofUser,
  message_id: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 200,
      description:
        'Id of an answer, or of a message of the user: the stream is that of its turn, however long ago it ended. Default: the running turn.',
    }),
  ),
})
export type AiSdkStreamQuery = Static<typeof AiSdkStreamQuery>

export const AiSdkMessagesQuery = Type.Object({
  user: ofUser,
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 100,
      description:
        'Number of exchanges to return: messages until the agent was idle again. Default: 50.',
    }),
  ),
  before: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: integerMax,
      description: '`before` of the page after this one. Default: the end of the chat.',
    }),
  ),
})
export type AiSdkMessagesQuery = Static<typeof AiSdkMessagesQuery>

export const AiSdkMessages = Type.Object(
  {
    messages: Type.Array(UIMessage, { description: 'Messages, oldest first.' }),
    status: described(
      oneOf('idle', 'active', 'waiting'),
      '`active`: a turn runs, so resume its stream. `waiting`: for a person, the client or a budget.',
    ),
    has_more: Type.Boolean({ description: 'True if there are earlier messages.' }),
    before: nullable(
      Type.Integer(),
      'Value of `before` for the earlier messages. Null if there are none.',
    ),
    session_id: nullable(Type.String(), 'Session of the chat. Null before its first message.'),
  },
  {
    title: 'AiSdkMessages',
    description: 'The messages of a chat, for `useChat({ messages })`.',
    examples: [
      {
        messages: [
          { id: 'msg-1', role: 'user', parts: [{ type: 'text', text: 'Open the door.' }] },
        ],
        status: 'idle',
        has_more: false,
        before: null,
        session_id: 'session_01933b5a00007000800000000000a001',
      },
    ],
  },
)
export type AiSdkMessages = Static<typeof AiSdkMessages>
