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

/** The body of every answer from 400 on. */
export const ErrorResponse = Type.Object(
  {
    error: Type.String({ description: 'One sentence for a person.' }),
    code: Type.String({ description: 'A stable word for a program, in snake_case.' }),
    details: Type.Optional(Type.Array(ErrorDetail)),
  },
  { title: 'ErrorResponse' },
)
export type ErrorResponse = Static<typeof ErrorResponse>
