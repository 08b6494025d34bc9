/** The keywords of JSON Schema that examples and messages use. */
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
  maximum?: number
  minLength?: number
  maxLength?: number
  minItems?: number
  maxItems?: number
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

type ExampleOptions = { isShort?: boolean }

/**
 * Derives an example from a schema: its own example, else one of each part. A short one has the
 * required fields only.
 * Contract: pure, and the same on every call.
 */
export function exampleOf(schema: JsonSchema, options: ExampleOptions = {}): unknown {
  return exampleAt(schema, options, { name: '', depth: 0 })
}

type Position = { name: string; depth: number }

function exampleAt(schema: JsonSchema, options: ExampleOptions, at: Position): unknown {
  const given = schema.examples?.[0] ?? schema.example ?? schema.const ?? schema.enum?.[0]
  if (given !== undefined) return given
  const variants = schema.anyOf ?? schema.oneOf
  if (variants) return exampleAt(variantOf(variants, at.depth), options, at)
  if (schema.allOf) {
    return Object.assign({}, ...schema.allOf.map((one) => exampleAt(one, options, at)))
  }
  const below = { ...at, depth: at.depth + 1 }
  switch (schema.type) {
    case 'object':
      return objectOf(schema, options, at.depth)
    case 'array':
      return at.depth >= depthMax || !schema.items ? [] : [exampleAt(schema.items, options, below)]
    case 'string':
      return textOf(schema, at.name)
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

/** Null where values nest too deeply, else the first variant that is not null. */
function variantOf(variants: readonly JsonSchema[], depth: number): JsonSchema {
  const none = variants.find(isNull)
  if (depth >= depthMax && none) return none
  return variants.find((one) => !isNull(one)) ?? variants[0]!
}

function objectOf(
  { properties = {}, required = [] }: JsonSchema,
  options: ExampleOptions,
  depth: number,
) {
  const isWhole = !options.isShort && depth < depthMax
  const shown = Object.entries(properties).filter(([name]) => isWhole || required.includes(name))
  return Object.fromEntries(
    shown.map(([name, part]) => [name, exampleAt(part, options, { name, depth: depth + 1 })]),
  )
}

function textOf({ format, default: usual }: JsonSchema, name: string): unknown {
  if (usual !== undefined) return usual
  const known = formats[format ?? ''] ?? words[name]
  return typeof known === 'string' ? known : 'text'
}
