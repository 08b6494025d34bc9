type Issue = {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

type Validated<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly Issue[] }

/** A schema of any library with the interface of https://standardschema.dev, such as zod. */
export type StandardSchemaV1<Input = unknown, Output = Input> = {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => Validated<Output> | Promise<Validated<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

export type SchemaSide = 'input' | 'output'

/** The part of https://standardschema.dev/json-schema that is used. */
type WithJsonSchema = {
  jsonSchema?: Partial<Record<SchemaSide, (options: { target: string }) => Record<string, unknown>>>
}

const target = 'draft-2020-12'

export const isStandardSchema = (schema: object): schema is StandardSchemaV1 =>
  '~standard' in schema

/**
 * Converts a schema of a library to JSON Schema.
 * Contract: throws an Error whose message continues the name of the schema.
 */
export function standardJsonSchema(
  schema: StandardSchemaV1,
  side: SchemaSide,
): Record<string, unknown> {
  const standard = schema['~standard']
  const convert = (standard as WithJsonSchema).jsonSchema?.[side]
  if (!convert) throw new Error(withoutJsonSchema(standard.vendor))
  const { $schema: _, ...json } = convert({ target })
  return json
}

const withoutJsonSchema = (vendor: string) =>
  vendor === 'valibot'
    ? 'is a schema of valibot, which has no JSON Schema: wrap it in toStandardJsonSchema() of @valibot/to-json-schema'
    : `is a schema of ${vendor} that has no JSON Schema: use a version with ~standard.jsonSchema, such as zod 4.2, arktype 2.1.28 or newer`

const issuesMax = 10

/** Validates a value by its library. Paths of problems are JSON Pointers. */
export async function validateStandard<Output>(
  schema: StandardSchemaV1<unknown, Output>,
  value: unknown,
): Promise<{ value: Output } | { problems: { path: string; message: string }[] }> {
  const result = await schema['~standard'].validate(value)
  if (!result.issues) return { value: result.value }
  return {
    problems: result.issues.slice(0, issuesMax).map(({ path = [], message }) => ({
      path: path.map((part) => `/${String(typeof part === 'object' ? part.key : part)}`).join(''),
      message,
    })),
  }
}

/**
 * The JSON Schema of a library's schema for the answer of a model: its objects take no other
 * properties than the listed ones, which models can be held to.
 */
export const answerJsonSchema = (schema: StandardSchemaV1): Record<string, unknown> =>
  closed(standardJsonSchema(schema, 'input'))

function closed<T>(node: T): T {
  if (Array.isArray(node)) return node.map(closed) as T
  if (typeof node !== 'object' || node === null) return node
  const parts = Object.entries(node).map(([key, part]) => {
    if (isData(key)) return [key, part]
    return [key, isMap(key) ? closedEach(part as object) : closed(part)]
  })
  const { properties, additionalProperties = false } = node as Record<string, unknown>
  const isOpen = (node as { type?: unknown }).type === 'object' && typeof properties === 'object'
  return { ...Object.fromEntries(parts), ...(isOpen && { additionalProperties }) }
}

const closedEach = (schemas: object) =>
  Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, closed(schema)]))

/** Keywords that have schemas by name. */
const isMap = (keyword: string) => ['properties', '$defs', 'definitions'].includes(keyword)

/** Keywords that have values, not schemas. */
const isData = (keyword: string) => ['const', 'default', 'enum', 'examples'].includes(keyword)
