import type { Static, TSchema } from 'typebox'

/** A JSON Schema as a plain object. */
export type JsonSchema = { readonly type: 'object'; readonly [keyword: string]: unknown }

type Issue = {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

type Result<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly Issue[] }

/** A schema of any library with the interface of https://standardschema.dev, such as zod. */
export type StandardSchema<Input = unknown, Output = Input> = {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => Result<Output> | Promise<Result<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

/** A schema of TypeBox, a JSON Schema, or a schema of a library such as zod, arktype or valibot. */
export type AnySchema = TSchema | JsonSchema | StandardSchema

/** The type of the value that `run` gets: the one that the schema's library returns. */
export type ParsedBy<Schema> = Schema extends StandardSchema
  ? NonNullable<Schema['~standard']['types']>['output']
  : Schema extends TSchema
    ? Static<Schema>
    : Record<string, unknown>
