import { type Static, Type } from 'typebox'
import { MessageId } from '../core/id.ts'
import { described, optional } from '../core/shape.ts'
import { Session } from '../sessions/session.ts'
import { Context } from '../sessions/turn-settings.ts'
import { InputMessage, Message } from './message.ts'

export const NewRetake = Type.Object(
  {
    message_id: described(MessageId, 'Message of a user in the session, which is sent again.'),
    message: optional(
      InputMessage,
      'Message to send in its place, of the role `user`. The whole request has at most 8 MiB. Default: the same message.',
    ),
    context: optional(
      Context,
      'Facts for the turn of the message in place of its own: at most 32, together at most 64 KiB. An empty list removes them. Refused for tokens. Default: those of the message.',
    ),
  },
  {
    title: 'RetakeMessageRequest',
    description: 'The message to send again, and its new content and facts.',
    examples: [
      {
        message_id: 'message_01933b5a00007000800000000000b001',
        message: { content: [{ type: 'text', text: 'Summarize the sales of last month.' }] },
      },
    ],
  },
)
export type NewRetake = Static<typeof NewRetake>

export const Retake = Type.Object(
  {
    session: described(Session, 'The session that continues, with the key of the earlier one.'),
    message: described(Message, 'The message that was sent in it.'),
  },
  { title: 'Retake', description: 'The continuation of a session from an earlier message.' },
)
export type Retake = Static<typeof Retake>
