import { type Static, Type } from 'typebox'
import { oneOf } from './shape.ts'

export const Health = Type.Object(
  {
    status: oneOf('ok', 'degraded'),
    version: Type.String(),
    auth_mode: Type.String(),
    database: oneOf('ok', 'unreachable'),
    reason: Type.Optional(
      Type.String({ description: 'Why the node is not ready: it cannot write, or run turns.' }),
    ),
  },
  { title: 'Health' },
)
export type Health = Static<typeof Health>
