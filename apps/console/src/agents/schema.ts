/** The part of JSON Schema that forms support. */
export type Schema = {
  type?: string | string[]
  enum?: unknown[]
  const?: unknown
  properties?: Record<string, Schema>
  required?: string[]
  items?: Schema
  anyOf?: Schema[]
  oneOf?: Schema[]
  default?: unknown
  title?: string
  description?: string
  examples?: unknown[]
  writeOnly?: boolean
  minimum?: number
  maximum?: number
  maxLength?: number
  maxItems?: number
}

type Kind =
  | 'one of'
  | 'boolean'
  | 'number'
  | 'text'
  | 'some of'
  | 'texts'
  | 'list'
  | 'object'
  | 'all or some'
  | 'json'

const isTexts = ({ type, items }: Schema) => type === 'array' && items?.type === 'string'

/** Removes `null` from a nullable schema. */
export function withoutNull(schema: Schema): Schema {
  const variants = schema.anyOf ?? schema.oneOf
  const rest = variants?.filter(({ type }) => type !== 'null')
  const [only] = rest ?? []
  if (!variants || !rest || rest.length === variants.length || rest.length !== 1 || !only) {
    return schema
  }
  const { anyOf: _any, oneOf: _one, ...about } = schema
  return { ...about, ...only }
}

/** Returns the control for a schema. `json`: no specific control. */
export function kindOf(schema: Schema): Kind {
  const { type, items, properties, anyOf } = schema
  if (schema.enum?.every(isPlain)) return 'one of'
  if (anyOf) {
    const isChoice = anyOf.length === 2 && anyOf.some((one) => one.type === 'boolean')
    return isChoice && anyOf.some(isTexts) ? 'all or some' : 'json'
  }
  if (type === 'boolean') return 'boolean'
  if (type === 'integer' || type === 'number') return 'number'
  if (type === 'string') return 'text'
  if (type === 'object') return properties && Object.keys(properties).length > 0 ? 'object' : 'json'
  if (type !== 'array' || !items) return 'json'
  if (items.enum?.every(isPlain)) return 'some of'
  return items.type === 'string' ? 'texts' : 'list'
}

const isPlain = (value: unknown) => typeof value === 'string'

/** Formats a name as words: `bytes_max` becomes "Bytes max". */
export function labelOf(name: string, { title }: Schema): string {
  const words = (title ?? name).replaceAll('_', ' ')
  return words.slice(0, 1).toUpperCase() + words.slice(1)
}

const number = new Intl.NumberFormat('en', { maximumFractionDigits: 20 })

/** Describes the limits of a number. Empty without limits. */
export function valueLimits({ minimum, maximum }: Schema): string {
  if (minimum !== undefined && maximum !== undefined)
    return `${number.format(minimum)} to ${number.format(maximum)}`
  if (minimum !== undefined) return `${number.format(minimum)} or more`
  return maximum === undefined ? '' : `at most ${number.format(maximum)}`
}

/** Describes the type of a value. */
export function typeOf(schema: Schema): string {
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ')
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  const variants = schema.anyOf ?? schema.oneOf
  if (variants) return variants.map(typeOf).join(' | ')
  if (schema.type === 'array') return schema.items ? `${typeOf(schema.items)}[]` : 'array'
  const type = [schema.type ?? 'any'].flat().join(' | ')
  const limits = valueLimits(schema)
  return limits ? `${type}, ${limits}` : type
}

export type JsonFields = Record<string, unknown>

/** Returns a copy of an object with one field set. Undefined removes the field. */
export function withField(object: unknown, name: string, value: unknown): JsonFields {
  const { [name]: _before, ...rest } = (object ?? {}) as JsonFields
  return value === undefined ? rest : { ...(object as JsonFields), [name]: value }
}
