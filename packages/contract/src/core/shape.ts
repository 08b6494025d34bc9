import { type Static, type TSchema, Type } from 'typebox'

const place = '~description'

/**
 * Copies a schema with a description for the place where it is used.
 * Contract: a schema with a `title` keeps its own `description`, because all places share it under
 * that title. The description of the place is then hidden from `JSON.stringify`, and
 * `descriptionOf` reads it.
 */
export function described<S extends TSchema>(schema: S, description: string): S {
  const copy = Object.defineProperties({}, Object.getOwnPropertyDescriptors(schema))
  const isShared = 'title' in schema
  const value = { value: description, enumerable: !isShared, configurable: true, writable: true }
  return Object.defineProperty(copy, isShared ? place : 'description', value) as S
}

/** Returns the description of the place where a schema is used, else that of the schema. */
export const descriptionOf = (schema: object): string | undefined =>
  descriptionHere(schema) ?? (schema as { description?: string }).description

/** Returns the description that `described` added to a schema with a title. */
export const descriptionHere = (schema: object): string | undefined =>
  (schema as { [place]?: string })[place]

const about = (description: string | undefined) =>
  description === undefined ? {} : { description }

/** Allows `null` for a property that is always present. */
export const nullable = <S extends TSchema>(schema: S, description?: string) =>
  Type.Union([schema, Type.Null()], about(description))

/** Allows a client to omit a property or send it as `null`. */
export const optional = <S extends TSchema>(schema: S, description?: string) =>
  Type.Optional(nullable(schema, description))

/** Allows the given strings, as one JSON Schema `enum`. */
export const oneOf = <const T extends readonly string[]>(...values: T) =>
  Type.Unsafe<T[number]>({ type: 'string', enum: values })

/** A whole number from 0. */
export const count = (description?: string) => Type.Integer({ minimum: 0, ...about(description) })

/** Any JSON value. */
export const Anything = Type.Unknown()

/** A JSON object with any keys. */
export const AnyObject = Type.Record(Type.String(), Type.Unknown())

export const integerMax = 2_147_483_647

/** One page of a list, or the whole list. */
export const pageOf = <S extends TSchema>(item: S, title: string) =>
  Type.Object(
    {
      data: Type.Array(item, { description: 'Items of this page, in the order of the list.' }),
      total: count('Number of items that match the filters, on this and all other pages.'),
      offset: count('Number of matching items before the first item of `data`.'),
      limit: count(
        'Page size that the server applied. For a whole list, the number of items in `data`, at least 1.',
      ),
      total_capped: Type.Optional(
        Type.Boolean({
          description:
            'True if counting stopped at `total` and more items match. Absent if `total` is exact.',
        }),
      ),
    },
    { title, description: 'One page of a list, or the whole list.' },
  )

const Offset = Type.Optional(
  Type.Integer({
    minimum: 0,
    maximum: integerMax,
    default: 0,
    description: 'Number of items to skip before the first returned item. Default: 0.',
  }),
)

const limitWith = (description: string) =>
  Type.Optional(Type.Integer({ minimum: 1, maximum: integerMax, description }))

/** Query of a list that is whole unless `limit` is present. */
export const PageQuery = Type.Object({
  offset: Offset,
  limit: limitWith(
    'Maximum number of items to return, from 1. Most lists return at most 100 items per page. Default: the whole list, or 20 items for a list that is always paginated.',
  ),
})
export type PageQuery = Static<typeof PageQuery>

/** Query parameters of a list that is always paginated. */
export const pageParameters = {
  offset: Offset,
  limit: limitWith(
    'Maximum number of items to return, from 1. Values above 100 are treated as 100. Default: 20.',
  ),
}

/** Query parameters of a list that is whole unless `limit` is present. */
export const listParameters = {
  offset: Offset,
  limit: limitWith(
    'Maximum number of items to return, from 1. Values above 100 are treated as 100. Default: all items.',
  ),
}

export type Page<T> = { data: T[]; total: number; total_capped?: boolean }

/** Matches text without control characters, which could break lines or move a cursor. */
export const withoutControls = '^[^\\u0000-\\u001f\\u007f-\\u009f]*$'

/** Retention of sessions and of failed turns. */
export const RetentionDays = Type.Integer({
  minimum: 0,
  maximum: 36_500,
  description:
    'Retention of idle sessions and failed turns in days, from 0 to 36,500. 0 keeps them forever.',
  examples: [90],
})

/** A name that lists show: one line of 1 to 255 characters, without control characters. */
export const ShownName = Type.String({ minLength: 1, maxLength: 255, pattern: withoutControls })
