import { type Static, Type } from 'typebox'
import { SessionId } from './id.ts'
import { nullable, oneOf } from './shape.ts'

/** What can change in an organization beside its sessions. */
export const changeNouns = [
  'agent',
  'provider',
  'model',
  'mcp_server',
  'schedule',
  'key',
  'member',
  'invitation',
  'organization',
  'worker',
] as const

/** Something was made, changed or deleted: read it anew. */
export const Change = Type.Object(
  {
    noun: oneOf(...changeNouns),
    id: nullable(Type.String({ description: 'Null: several of them, or one that is not told.' })),
  },
  { title: 'Change' },
)
export type Change = Static<typeof Change>

export const DeletedSession = Type.Object({ id: SessionId }, { title: 'DeletedSession' })
export type DeletedSession = Static<typeof DeletedSession>

export const ChangesQuery = Type.Object({
  heartbeat: Type.Optional(
    Type.Unsafe<'comment' | 'event'>({ type: 'string', enum: ['comment', 'event'] }),
  ),
})
export type ChangesQuery = Static<typeof ChangesQuery>
