/** The parts of a JSON Schema that examples are derived from. */
export type JsonSchema = {
  title?: string
  description?: string
  type?: string
  const?: unknown
  enum?: unknown[]
  default?: unknown
  example?: unknown
  examples?: unknown[]
  format?: string
  pattern?: string
  minimum?: number
  minItems?: number
  anyOf?: JsonSchema[]
  oneOf?: JsonSchema[]
  allOf?: JsonSchema[]
  items?: JsonSchema
  properties?: Record<string, JsonSchema>
  patternProperties?: Record<string, JsonSchema>
  required?: string[]
}

const depthMax = 6

const words: Record<string, unknown> = {
  email: 'ada@example.com',
  name: 'Support',
  url: 'https://example.com/',
  base_url: 'https://example.com/v1',
  error: null,
  message: 'Done.',
  timezone: 'Europe/Kyiv',
  cron_expression: '0 9 * * MON-FRI',
  address: '192.0.2.1',
  tool_call_id: 'call_1',
  tool_name: 'open_door',
}

const formats: Record<string, string> = {
  'date-time': '2026-11-25T09:30:00.000Z',
  uuid: '01933b5a-0000-7000-8000-000000000001',
}

/**
 * Derives an example from a schema: its own example, else one of each part.
 * Contract: pure, and the same on every call.
 */
export function exampleOf(schema: JsonSchema, name = '', depth = 0): unknown {
  const given = schema.examples?.[0] ?? schema.example ?? schema.const ?? schema.enum?.[0]
  if (given !== undefined) return given
  const options = schema.anyOf ?? schema.oneOf
  if (options) return exampleOf(optionOf(options, depth), name, depth)
  if (schema.allOf)
    return Object.assign({}, ...schema.allOf.map((one) => exampleOf(one, name, depth)))
  switch (schema.type) {
    case 'object':
      return objectOf(schema, depth)
    case 'array':
      return depth >= depthMax || !schema.items ? [] : [exampleOf(schema.items, name, depth + 1)]
    case 'string':
      return textOf(schema, name)
    case 'integer':
    case 'number':
      return schema.default ?? schema.minimum ?? 0
    case 'boolean':
      return schema.default ?? false
    case 'null':
      return null
    default:
      return {}
  }
}

const isNull = ({ type }: JsonSchema) => type === 'null'

/** Null where values nest too deeply, else the first option that is not null. */
function optionOf(options: readonly JsonSchema[], depth: number): JsonSchema {
  const none = options.find(isNull)
  if (depth >= depthMax && none) return none
  return options.find((one) => !isNull(one)) ?? options[0]!
}

function objectOf({ properties = {}, required = [] }: JsonSchema, depth: number) {
  const shown = Object.entries(properties).filter(
    ([key]) => required.includes(key) || depth < depthMax,
  )
  return Object.fromEntries(shown.map(([key, part]) => [key, exampleOf(part, key, depth + 1)]))
}

function textOf({ format, default: usual }: JsonSchema, name: string): unknown {
  if (usual !== undefined) return usual
  const known = formats[format ?? ''] ?? words[name]
  return typeof known === 'string' ? known : 'text'
}
