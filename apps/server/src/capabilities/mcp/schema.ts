import { isJsonObject, type JsonObject } from '../../json.ts'

/** Limits of a third-party JSON Schema, so that no vendor rejects a whole request because of it. */
const depthMax = 20
const nodesMax = 2_000
const namesMax = 200
const types = new Set(['string', 'number', 'integer', 'boolean', 'object', 'array', 'null'])
const propertyName = /^[a-zA-Z0-9_.-]{1,64}$/

/** Keywords without subschemas, with a check of their values. */
const plain: Record<string, (value: unknown) => boolean> = {
  title: isString,
  description: isString,
  format: isString,
  default: () => true,
  const: () => true,
  examples: Array.isArray,
  enum: (value) => Array.isArray(value) && value.length > 0,
  required: (value) => Array.isArray(value) && value.every(isString),
  minimum: Number.isFinite,
  maximum: Number.isFinite,
  exclusiveMinimum: Number.isFinite,
  exclusiveMaximum: Number.isFinite,
  multipleOf: Number.isFinite,
  minLength: isCount,
  maxLength: isCount,
  minItems: isCount,
  maxItems: isCount,
  uniqueItems: (value) => typeof value === 'boolean',
}

function isString(value: unknown): value is string {
  return typeof value === 'string'
}

function isCount(value: unknown) {
  return Number.isInteger(value) && (value as number) >= 0
}

class SchemaError extends Error {
  override name = 'SchemaError'
}

/**
 * Reduces a tool's input schema to keywords that every vendor supports.
 * Contract: returns the schema of an object, or the error as the rest of a sentence about the
 * schema.
 */
export function readableSchema(given: unknown): { schema: JsonObject } | { problem: string } {
  if (!isJsonObject(given)) return { problem: 'is not an object' }
  if (given.type !== undefined && given.type !== 'object')
    return { problem: 'is not the schema of an object' }
  const definitions = isJsonObject(given.$defs) ? given.$defs : given.definitions
  const known = new Set(isJsonObject(definitions) ? Object.keys(definitions) : [])
  const walk = { nodes: 0, known }
  try {
    const { anyOf, oneOf, allOf, enum: _, const: __, ...whole } = given
    const schema = copied({ ...whole, type: 'object' }, walk, 0)
    const $defs = isJsonObject(definitions) && known.size > 0 && copiedNames(definitions, walk, 0)
    return { schema: { properties: {}, ...schema, ...($defs && { $defs }) } }
  } catch (error) {
    if (error instanceof SchemaError) return { problem: error.message }
    throw error
  }
}

const tooDeep = () => new SchemaError(`is nested deeper than ${depthMax} levels`)

/** True if a value nests at most so many levels. */
const isShallow = (value: unknown, levels: number): boolean =>
  typeof value !== 'object' ||
  value === null ||
  (levels > 0 && Object.values(value).every((one) => isShallow(one, levels - 1)))

type Walk = { nodes: number; known: ReadonlySet<string> }

function copied(schema: JsonObject, walk: Walk, depth: number): JsonObject {
  walk.nodes += 1
  if (depth > depthMax) throw tooDeep()
  if (walk.nodes > nodesMax) throw new SchemaError(`has more than ${nodesMax} parts`)
  if (schema.$ref !== undefined) return { $ref: copiedRef(schema.$ref, walk) }
  const copy: JsonObject = {}
  for (const [key, value] of Object.entries(schema)) {
    const part = copiedPart(key, value, walk, depth)
    if (part !== undefined) copy[key] = part
  }
  return copy
}

/** Copies the value of a keyword; undefined for unneeded ones. */
function copiedPart(key: string, value: unknown, walk: Walk, depth: number): unknown {
  const fits = Object.hasOwn(plain, key) ? plain[key] : undefined
  if (fits) {
    if (!fits(value)) throw new SchemaError(`has an invalid ${key}`)
    if (!isShallow(value, depthMax - depth)) throw tooDeep()
    return value
  }
  switch (key) {
    case 'type':
      return copiedType(value)
    case 'properties':
      return copiedNames(value, walk, depth)
    case 'items':
      return copiedSchema(key, value, walk, depth)
    case 'additionalProperties':
      return typeof value === 'boolean' ? value : copiedSchema(key, value, walk, depth)
    case 'anyOf':
    case 'oneOf':
    case 'allOf':
      return copiedList(key, value, walk, depth)
    default:
      return undefined
  }
}

function copiedType(value: unknown) {
  const list = Array.isArray(value) ? value : [value]
  const isKnown = list.length > 0 && list.every((one) => types.has(one as string))
  if (!isKnown) throw new SchemaError('has an unknown type')
  return value
}

function copiedRef(ref: unknown, { known }: Walk): string {
  const name = isString(ref) ? /^#\/(?:\$defs|definitions)\/([^/]+)$/.exec(ref)?.[1] : undefined
  if (name === undefined || !known.has(name)) {
    throw new SchemaError('has a reference without a target')
  }
  return `#/$defs/${name}`
}

function copiedNames(value: unknown, walk: Walk, depth: number): JsonObject {
  if (!isJsonObject(value)) throw new SchemaError('has properties that are not an object')
  const names = Object.keys(value)
  if (names.length > namesMax)
    throw new SchemaError(`has more than ${namesMax} names in one object`)
  const odd = names.find((name) => !propertyName.test(name) || name === '__proto__')
  if (odd !== undefined) throw new SchemaError('has a property name that models do not accept')
  return Object.fromEntries(
    names.map((name) => [name, copiedSchema('property', value[name], walk, depth)]),
  )
}

function copiedSchema(place: string, value: unknown, walk: Walk, depth: number): JsonObject {
  if (value === true) return {}
  if (!isJsonObject(value)) throw new SchemaError(`has a ${place} that is not a schema`)
  return copied(value, walk, depth + 1)
}

function copiedList(key: string, value: unknown, walk: Walk, depth: number): JsonObject[] {
  if (!Array.isArray(value) || value.length === 0) throw new SchemaError(`has an empty ${key}`)
  return value.map((one) => copiedSchema(key, one, walk, depth))
}
