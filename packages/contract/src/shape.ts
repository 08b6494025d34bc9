import { type Static, type TSchema, Type } from 'typebox'

/** Absent and `null` mean the same: no value. */
export const nullable = <S extends TSchema>(schema: S) => Type.Union([schema, Type.Null()])

/** A field that a client may leave out or send as `null`. */
export const optional = <S extends TSchema>(schema: S) => Type.Optional(nullable(schema))

/** One of a few words, as one JSON Schema `enum`. */
export const oneOf = <const T extends readonly string[]>(...values: T) =>
  Type.Unsafe<T[number]>({ type: 'string', enum: values })

export const count = (about: { description?: string } = {}) =>
  Type.Integer({ minimum: 0, ...about })

/** Any JSON value. */
export const Anything = Type.Unknown()

/** A JSON object with any keys. */
export const AnyObject = Type.Record(Type.String(), Type.Unknown())

/** A list of things. `total` counts all that match, not only those in `data`. */
export const pageOf = <S extends TSchema>(item: S, title: string) =>
  Type.Object(
    {
      data: Type.Array(item),
      total: count(),
      offset: count(),
      limit: count(),
      total_capped: Type.Optional(
        Type.Boolean({ description: 'Counting stopped at `total`; there are more.' }),
      ),
    },
    { title },
  )

export const PageQuery = Type.Object({
  offset: Type.Optional(Type.Integer({ minimum: 0, maximum: 2_147_483_647 })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 2_147_483_647 })),
})
export type PageQuery = Static<typeof PageQuery>

export type Page<T> = { data: T[]; total: number; total_capped?: boolean }

/** Text that moves no cursor of a terminal and breaks no line: what a name may hold. */
export const withoutControls = '^[^\\u0000-\\u001f\\u007f-\\u009f]*$'

/** Days that idle sessions and failed turns are kept. */
export const RetentionDays = Type.Integer({
  minimum: 0,
  maximum: 36_500,
  description:
    'Days that idle sessions and failed turns are kept; 0 keeps them forever, none inherits. See docs/retention.md.',
})

/** The name of something that people see in lists: one line, without control characters. */
export const ShownName = Type.String({ minLength: 1, maxLength: 255, pattern: withoutControls })
