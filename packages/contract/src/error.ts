import { type Static, Type } from 'typebox'

export const ErrorDetail = Type.Object(
  {
    path: Type.String({ description: 'Where in the request, as in `capabilities/0/config`.' }),
    message: Type.String(),
    line: Type.Optional(Type.Integer({ description: 'In a file that was sent; from 1.' })),
    column: Type.Optional(Type.Integer()),
  },
  { title: 'ErrorDetail' },
)
export type ErrorDetail = Static<typeof ErrorDetail>

export const Resume = Type.Object(
  {
    since_id: Type.Union([Type.String(), Type.Null()], {
      description: 'The last event that the log still has of those before; null: none.',
    }),
    sequence: Type.Integer({ description: 'Its sequence; 0: none.' }),
  },
  {
    title: 'Resume',
    description: 'With `history_changed`: where to resume. What came after it was lost.',
  },
)

export type Resume = Static<typeof Resume>

/** The body of every answer from 400 on. */
export const ErrorResponse = Type.Object(
  {
    error: Type.String({ description: 'One sentence for a person.' }),
    code: Type.String({ description: 'A stable word for a program, in snake_case.' }),
    details: Type.Optional(Type.Array(ErrorDetail)),
    resume: Type.Optional(Resume),
  },
  { title: 'ErrorResponse' },
)
export type ErrorResponse = Static<typeof ErrorResponse>
