import { type Static, Type } from 'typebox'
import { SessionId, TurnId } from '../core/id.ts'
import { count, described } from '../core/shape.ts'

export const RetriedTurn = Type.Object(
  {
    session_id: described(SessionId, 'Id of the session.'),
    turn_id: described(TurnId, 'Id of the new turn.'),
    failed_turn_id: described(TurnId, 'Id of the failed turn that it retries.'),
    sequence: count(
      '`sequence` of the last event before the new turn. Follow the events after it.',
    ),
  },
  {
    title: 'RetriedTurn',
    description: 'The turn that retries a failed one.',
    examples: [
      {
        session_id: 'session_01933b5a00007000800000000000a001',
        turn_id: 'turn_01933b5a00007000800000000000c002',
        failed_turn_id: 'turn_01933b5a00007000800000000000c001',
        sequence: 7,
      },
    ],
  },
)
export type RetriedTurn = Static<typeof RetriedTurn>
