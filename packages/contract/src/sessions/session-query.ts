import { type Static, Type } from 'typebox'
import { endUserFilter } from '../access/end-user.ts'
import { AgentId, ModelId, SessionId, Timestamp } from '../core/id.ts'
import { described, oneOf, pageParameters } from '../core/shape.ts'
import { FeedbackFilter } from '../messages/feedback.ts'
import { SessionKey, SessionStatus } from './session.ts'

export const SessionQuery = Type.Object({
  ...pageParameters,
  agent_id: Type.Optional(described(AgentId, 'Only sessions of this agent.')),
  user: endUserFilter('sessions'),
  key: Type.Optional(
    described(SessionKey, 'Only sessions with this key. The whole key must match, case included.'),
  ),
  status: Type.Optional(described(SessionStatus, 'Only sessions with this status.')),
  outcome: Type.Optional(
    Type.Unsafe<'failed'>({
      type: 'string',
      enum: ['failed'],
      description: '`failed`: only idle sessions whose latest turn failed.',
    }),
  ),
  waiting: Type.Optional(
    Type.Boolean({
      description:
        'True: only sessions that wait for a client, an approval, answers or a budget. False: only others.',
    }),
  ),
  tag: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 100,
      description: 'Only sessions with this tag. The whole tag must match, case included.',
    }),
  ),
  pinned: Type.Optional(
    Type.Boolean({
      description: 'True: only sessions that the caller has pinned. False: only others.',
    }),
  ),
  legal_hold: Type.Optional(
    Type.Boolean({ description: 'True: only sessions under a legal hold. False: only others.' }),
  ),
  feedback: Type.Optional(FeedbackFilter),
  search: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 200,
      description: 'Only sessions whose title or preview contains this text, in any case.',
    }),
  ),
  q: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 200,
      description:
        'Only sessions with all these words in their title, messages or replies. `"two words"` in quotes follow each other; `refun*` is the beginning of a word. Case and accents do not matter. New texts are found after a few seconds.',
      examples: ['"order 4711" refun*'],
    }),
  ),
  model_id: Type.Optional(described(ModelId, 'Only sessions whose `model_id` is this model.')),
  forked_from: Type.Optional(described(SessionId, 'Only forks of this session.')),
  cost_above: Type.Optional(
    Type.Number({
      minimum: 0,
      maximum: 1_000_000,
      description: 'Only sessions that cost more than this amount in dollars.',
      examples: [0.5],
    }),
  ),
  since: Type.Optional(
    described(Timestamp, 'Only sessions created from this time on, in RFC 3339 format.'),
  ),
  until: Type.Optional(
    described(Timestamp, 'Only sessions created before this time, in RFC 3339 format.'),
  ),
  sort: Type.Optional(
    described(
      oneOf('created_at', 'last_activity', 'cost'),
      'Order of the list. `last_activity` and `cost` are a few seconds old, leave out sessions that are younger, and cannot be combined with `q`. Default: `created_at`.',
    ),
  ),
  order: Type.Optional(
    described(
      oneOf('asc', 'desc'),
      'Direction of the order. `q` allows only `desc`. Default: `desc`.',
    ),
  ),
})
export type SessionQuery = Static<typeof SessionQuery>
