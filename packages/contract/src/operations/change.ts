import { type Static, Type } from 'typebox'
import { SessionId } from '../core/id.ts'
import { described, nullable, oneOf } from '../core/shape.ts'
import { Heartbeat } from '../events/event-query.ts'

/** Resources of an organization, other than sessions, whose changes are published. */
export const changeNouns = [
  'agent',
  'provider',
  'model',
  'mcp_server',
  'schedule',
  'budget',
  'webhook',
  'image',
  'key',
  'agent_channel',
  'alert',
  'member',
  'invitation',
  'organization',
  'worker',
] as const

export const Change = Type.Object(
  {
    noun: described(
      oneOf(...changeNouns),
      'Kind of the changed resource. Skip unknown kinds. Only administrators receive `invitation`, only operators `worker`.',
    ),
    id: nullable(
      Type.String(),
      'Id of the resource. Null if several changed, or if the id is not published, as for keys.',
    ),
  },
  {
    title: 'Change',
    description:
      'Data of the stream event `changed`: a resource was created, changed or deleted. Read it again.',
    examples: [{ noun: 'agent', id: 'agent_01933b5a000070008000000000000101' }],
  },
)
export type Change = Static<typeof Change>

export const DeletedSession = Type.Object(
  { id: described(SessionId, 'Id of the deleted session.') },
  {
    title: 'DeletedSession',
    description: 'Data of the stream event `session.deleted`: remove the session from lists.',
    examples: [{ id: 'session_01933b5a00007000800000000000a001' }],
  },
)
export type DeletedSession = Static<typeof DeletedSession>

export const ChangesQuery = Type.Object({ heartbeat: Heartbeat })
export type ChangesQuery = Static<typeof ChangesQuery>
