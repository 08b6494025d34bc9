type Schema = {
  type?: string | string[]
  enum?: unknown[]
  const?: unknown
  anyOf?: Schema[]
  items?: Schema
  properties?: Record<string, Schema>
  required?: string[]
  default?: unknown
  description?: string
}

export type SchemaRow = { name: string; type: string; byDefault?: string; about?: string }

const depthMax = 4

/** Lists the fields of a JSON Schema. Nested fields are named `outer.inner`. */
export function schemaRows(schema: unknown, before = '', depth = 0): SchemaRow[] {
  const { properties = {}, required = [] } = (schema ?? {}) as Schema
  return Object.entries(properties).flatMap(([name, field]) => {
    const row: SchemaRow = { name: before + name, type: typeOf(field) }
    if (field.default !== undefined) row.byDefault = JSON.stringify(field.default)
    else if (required.includes(name)) row.byDefault = '(required)'
    if (field.description) row.about = field.description
    const inner = depth < depthMax ? schemaRows(field, `${before}${name}.`, depth + 1) : []
    return [row, ...inner]
  })
}

function typeOf({ type, enum: values, const: only, anyOf, items }: Schema): string {
  if (values) return values.map((value) => JSON.stringify(value)).join(' or ')
  if (only !== undefined) return JSON.stringify(only)
  if (anyOf) return anyOf.map(typeOf).join(' or ')
  if (items) return `list of ${typeOf(items)}`
  return Array.isArray(type) ? type.join(' or ') : (type ?? 'anything')
}
