import { type Static, Type } from 'typebox'
import { MessageId, Timestamp, TurnId } from '../core/id.ts'
import { described, nullable, oneOf, optional } from '../core/shape.ts'
import { Decider } from '../events/event-parts.ts'

/** Longest comment of a rating, in characters. */
const feedbackCommentMax = 4_000

export const Rating = oneOf('up', 'down')
export type Rating = Static<typeof Rating>

const meanings = {
  message: 'Message that is rated. Absent if a turn is.',
  turn: 'Turn that is rated. Absent if a message is.',
  rating: '`up`: helpful. `down`: not helpful. Null: the caller withdraws its rating.',
}

const target = {
  message_id: optional(MessageId, meanings.message),
  turn_id: optional(TurnId, meanings.turn),
}

export const NewFeedback = Type.Object(
  {
    ...target,
    rating: nullable(Rating, meanings.rating),
    comment: optional(
      Type.String({ maxLength: feedbackCommentMax }),
      'Reason of the rating, for the owners of the agent: at most 4,000 characters. The model never receives it.',
    ),
  },
  {
    title: 'GiveFeedbackRequest',
    description: 'A rating of either a message or a turn.',
    examples: [
      {
        message_id: 'message_01933b5a00007000800000000000b002',
        rating: 'down',
        comment: 'The total is wrong.',
      },
    ],
  },
)
export type NewFeedback = Static<typeof NewFeedback>

const given = {
  message_id: Type.Optional(described(MessageId, meanings.message)),
  turn_id: Type.Optional(described(TurnId, meanings.turn)),
  rating: nullable(Rating, meanings.rating),
  comment: Type.Optional(
    Type.String({ description: 'Reason of the rating. Absent if none was given.' }),
  ),
  given_by: described(
    Decider,
    'Caller that rated. Its later rating of the same replaces this one.',
  ),
}

export const FeedbackGivenData = Type.Object(given, {
  title: 'FeedbackGivenData',
  description:
    'Appended when a caller rates a message or a turn, at any time. It is no part of the conversation.',
})

export const Feedback = Type.Object(
  {
    ...given,
    given_at: nullable(
      Timestamp,
      'Time of the rating. A repeat of the same rating keeps it. Null: there was none to withdraw.',
    ),
  },
  {
    title: 'Feedback',
    description: 'The rating that a caller has given.',
    examples: [
      {
        message_id: 'message_01933b5a00007000800000000000b002',
        rating: 'down',
        comment: 'The total is wrong.',
        given_by: {
          kind: 'user',
          id: '01933b5a-0000-7000-8000-000000000001',
          name: 'Ada Lovelace',
        },
        given_at: '2026-11-25T09:31:00.000Z',
      },
    ],
  },
)
export type Feedback = Static<typeof Feedback>

/** Filter of the list of sessions. */
export const FeedbackFilter = Type.Unsafe<'up' | 'down' | 'any'>({
  type: 'string',
  enum: ['up', 'down', 'any'],
  description:
    'Only sessions with a rating of this kind that was neither replaced nor withdrawn; `any`: with one of either kind.',
})
