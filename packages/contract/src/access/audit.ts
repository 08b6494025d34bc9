import { type Static, Type } from 'typebox'
import { AuditEntryId, Timestamp } from '../core/id.ts'
import { described, nullable, oneOf, pageOf, pageParameters } from '../core/shape.ts'

export const AuditEntry = Type.Object(
  {
    id: described(AuditEntryId, 'Id of the entry.'),
    created_at: described(Timestamp, 'Time at which the entry was recorded.'),
    actor_type: described(
      oneOf('anonymous', 'user', 'key', 'token', 'server', 'channel'),
      '`user`: a signed-in user, or a user of the product. `key`: an API key. `token`: a session token. `channel`: a key of an agent channel. `server`: the server itself, for agents from files and for the client in its process. `anonymous`: no credential, or no authentication.',
    ),
    actor_id: nullable(Type.String(), 'Id of the user, key or token. Null if there is none.'),
    actor_name: nullable(Type.String(), 'Name of the actor at that time. Null if there is none.'),
    action: Type.String({
      description: 'Operation of this API, or an event such as `login_failed`.',
      examples: ['delete_agent'],
    }),
    target: nullable(Type.String(), 'Id of the resource that was acted on. Null if there is none.'),
    address: nullable(Type.String(), 'IP address of the client. Null if it is unknown.'),
    user_agent: nullable(
      Type.String(),
      '`User-Agent` header of the request, at most 300 characters. Null if there was none.',
    ),
    request_id: nullable(
      Type.String(),
      'Id of the request, as in its `x-request-id` header and in the log of the server.',
    ),
    details: nullable(
      Type.Record(Type.String(), Type.Unknown()),
      'Further facts, such as the address of a failed sign-in, or `refused` for a refused request. Null if there are none.',
    ),
    reason: nullable(
      Type.String(),
      'Why the caller made the change: its `Everruns-Change-Reason` header. Null if it gave none.',
    ),
  },
  {
    title: 'AuditEntry',
    description: 'One recorded action: the actor, the action, its target and its origin.',
    examples: [
      {
        id: 'audit_01933b5a000070008000000000000001',
        created_at: '2026-11-25T09:30:00.000Z',
        actor_type: 'user',
        actor_id: '01933b5a-0000-7000-8000-000000000001',
        actor_name: 'ada@example.com',
        action: 'delete_agent',
        target: 'agent_01933b5a000070008000000000000101',
        address: '203.0.113.7',
        user_agent: 'outlast-cli/0.1.0',
        request_id: 'req-1a',
        details: null,
        reason: 'Replaced by the new support agent.',
      },
    ],
  },
)
export type AuditEntry = Static<typeof AuditEntry>
export const AuditPage = pageOf(AuditEntry, 'AuditPage')

const exactly = (maxLength: number, description: string, example: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength, description, examples: [example] }))

const filters = {
  action: exactly(100, 'Only entries with exactly this `action`.', 'delete_agent'),
  actor_id: exactly(
    250,
    'Only entries of this user, key or token.',
    '01933b5a-0000-7000-8000-000000000001',
  ),
  target: exactly(
    200,
    'Only entries about this resource.',
    'agent_01933b5a000070008000000000000101',
  ),
  since: Type.Optional(
    described(Timestamp, 'Only entries from this time on, in RFC 3339 format with any offset.'),
  ),
  until: Type.Optional(
    described(Timestamp, 'Only entries before this time, in RFC 3339 format with any offset.'),
  ),
}

export const AuditQuery = Type.Object({ ...pageParameters, ...filters })
export type AuditQuery = Static<typeof AuditQuery>

export const AuditExportQuery = Type.Object(filters)
export type AuditExportQuery = Static<typeof AuditExportQuery>
