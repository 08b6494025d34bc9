import { type Static, Type } from 'typebox'
import { AuditEntryId, Timestamp } from './id.ts'
import { nullable, oneOf, pageOf } from './shape.ts'

/** Who did what to what, from where, when. */
export const AuditEntry = Type.Object(
  {
    id: AuditEntryId,
    created_at: Timestamp,
    actor_type: oneOf('anonymous', 'user', 'key', 'token'),
    actor_id: nullable(Type.String()),
    actor_name: nullable(Type.String()),
    action: Type.String({ description: 'An operation of this API, such as `delete_agent`.' }),
    target: nullable(Type.String({ description: 'The id of what it was done to.' })),
    address: nullable(Type.String()),
    user_agent: nullable(Type.String()),
    request_id: nullable(Type.String()),
    details: nullable(Type.Record(Type.String(), Type.Unknown())),
  },
  { title: 'AuditEntry' },
)
export type AuditEntry = Static<typeof AuditEntry>
export const AuditPage = pageOf(AuditEntry, 'AuditPage')

const filters = {
  action: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
  actor_id: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
  target: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
  since: Type.Optional(Timestamp),
  until: Type.Optional(Timestamp),
}

export const AuditQuery = Type.Object({
  offset: Type.Optional(Type.Integer({ minimum: 0, maximum: 2_147_483_647 })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 2_147_483_647 })),
  ...filters,
})
export type AuditQuery = Static<typeof AuditQuery>

export const AuditExportQuery = Type.Object(filters)
export type AuditExportQuery = Static<typeof AuditExportQuery>
