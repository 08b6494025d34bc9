import { type Static, Type } from 'typebox'
import { described, oneOf } from '../core/shape.ts'

export const Health = Type.Object(
  {
    status: described(
      oneOf('ok', 'degraded'),
      '`ok`: the node can write and run turns. `degraded`: it cannot at the moment.',
    ),
    version: Type.String({ description: 'Version of the server.', examples: ['0.1.0'] }),
    auth_mode: Type.String({
      description: 'The setting AUTH_MODE: `None`, `Admin` or `Full`.',
      examples: ['None'],
    }),
    database: described(
      oneOf('ok', 'unreachable'),
      'Whether the node reaches the database, by its latest lease renewal.',
    ),
    development: Type.Optional(
      Type.Boolean({
        description:
          'True under `outlast dev`: the problems of `GET /v1/durable/health` include those of the code.',
      }),
    ),
    reason: Type.Optional(
      Type.String({
        description: 'Why the node is `degraded`, as a sentence. Absent if it is `ok`.',
      }),
    ),
  },
  {
    title: 'Health',
    description: 'State of the node that answers.',
    examples: [{ status: 'ok', version: '0.1.0', auth_mode: 'None', database: 'ok' }],
  },
)
export type Health = Static<typeof Health>
