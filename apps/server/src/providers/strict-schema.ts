type Schema = Readonly<Record<string, unknown>>

/** Keywords that OpenAI accepts in strict schemas. */
const keywords = new Set([
  ...['type', 'properties', 'required', 'additionalProperties', 'items', 'anyOf', 'enum', 'const'],
  ...['$ref', '$defs', 'title', 'description', 'pattern', 'format'],
  ...['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
  ...['minItems', 'maxItems'],
])
const formats = new Set([
  ...['date-time', 'time', 'date', 'duration', 'email', 'hostname', 'ipv4', 'ipv6', 'uuid'],
])

/**
 * Tests whether OpenAI accepts a schema as strict: every object lists all its properties as
 * required and takes no others, and all keywords are supported.
 */
function isStrictSchema(schema: unknown): boolean {
  if (typeof schema !== 'object' || schema === null) return false
  const { type, properties = {}, required = [], format, ...given } = schema as Schema
  if (Object.keys(schema).some((keyword) => !keywords.has(keyword))) return false
  if (format !== undefined && !formats.has(format as string)) return false
  const names = Object.keys(properties as object)
  const isObject = [type].flat().includes('object')
  const isClosed = given.additionalProperties === false
  const isWhole = names.every((name) => (required as string[]).includes(name))
  if (isObject ? !isClosed || !isWhole : 'additionalProperties' in given) return false
  const parts = [
    ...Object.values(properties as object),
    ...Object.values((given.$defs ?? {}) as object),
    ...((given.anyOf ?? []) as unknown[]),
    ...(given.items === undefined ? [] : [given.items]),
  ]
  return parts.every(isStrictSchema)
}

/** The option for a response format: its schema is strict if it can be. */
export const strictOption = (format: { type: string; schema?: unknown } | undefined) =>
  format?.type === 'json' && { strictJsonSchema: isStrictSchema(format.schema) }
