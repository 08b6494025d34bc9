/** Values that a schema allows in the contract's terms, without lengths and id patterns. */
export type Shape =
  | { kind: 'any' | 'null' | 'boolean' }
  | { kind: 'string'; values?: string[]; format?: string }
  | { kind: 'number'; whole: boolean; min: number }
  | { kind: 'list'; of: Shape }
  | { kind: 'object'; fields: Record<string, Field>; rest?: Shape }
  | { kind: 'union'; of: Shape[] }

export type Field = { shape: Shape; required: boolean }

/** A type of facts.json: a word, `'a' | 'b'`, `X[]`, an object with optional keys `?`, a list. */
export type Fact = string | [Fact] | { [key: string]: Fact }
export type Facts = Record<string, Fact>

const words: Record<string, Shape> = {
  any: { kind: 'any' },
  null: { kind: 'null' },
  boolean: { kind: 'boolean' },
  string: { kind: 'string' },
  time: { kind: 'string', format: 'date-time' },
  uuid: { kind: 'string', format: 'uuid' },
  number: { kind: 'number', whole: false, min: -Infinity },
  integer: { kind: 'number', whole: true, min: -Infinity },
  count: { kind: 'number', whole: true, min: 0 },
  positive: { kind: 'number', whole: true, min: 1 },
  object: { kind: 'object', fields: {}, rest: { kind: 'any' } },
  strings: { kind: 'object', fields: {}, rest: { kind: 'string' } },
}

export function shapeOfFact(fact: Fact, facts: Facts): Shape {
  if (Array.isArray(fact)) return { kind: 'list', of: shapeOfFact(fact[0], facts) }
  if (typeof fact === 'object') {
    const fields = Object.entries(fact).map(([key, part]): [string, Field] => {
      const required = !key.endsWith('?')
      return [required ? key : key.slice(0, -1), { shape: shapeOfFact(part, facts), required }]
    })
    return { kind: 'object', fields: Object.fromEntries(fields) }
  }
  const options = fact.split(' | ')
  if (options.every((option) => option.startsWith("'"))) {
    return { kind: 'string', values: options.map((option) => option.slice(1, -1)) }
  }
  return unionOf(options.map((option) => shapeOfWord(option, facts)))
}

function shapeOfWord(word: string, facts: Facts): Shape {
  if (word.endsWith('[]')) return { kind: 'list', of: shapeOfWord(word.slice(0, -2), facts) }
  const named = words[word]
  if (named) return named
  if (facts[word] === undefined) throw new Error(`facts.json has no schema ${word}`)
  return shapeOfFact(facts[word], facts)
}

function unionOf(shapes: Shape[]): Shape {
  const flat = shapes.flatMap((shape) => (shape.kind === 'union' ? shape.of : [shape]))
  return flat.length === 1 ? flat[0]! : { kind: 'union', of: flat }
}

export type JsonSchema = {
  $ref?: string
  anyOf?: JsonSchema[]
  oneOf?: JsonSchema[]
  type?: string | string[]
  enum?: string[]
  const?: string
  format?: string
  minimum?: number
  items?: JsonSchema
  required?: string[]
  properties?: Record<string, JsonSchema>
  patternProperties?: Record<string, JsonSchema>
  additionalProperties?: boolean | JsonSchema
}

/** The shape of a JSON Schema whose references point into `components`. */
export function shapeOf(schema: JsonSchema, components: Record<string, JsonSchema> = {}): Shape {
  const { $ref, anyOf, oneOf, type } = schema
  const shape = (part: JsonSchema) => shapeOf(part, components)
  if ($ref !== undefined) return shape(components[$ref.slice($ref.lastIndexOf('/') + 1)]!)
  const options = anyOf ?? oneOf
  if (options) return unionOf(options.map(shape))
  if (Array.isArray(type)) return unionOf(type.map((one) => shape({ ...schema, type: one })))
  switch (type) {
    case 'string':
      return textOf(schema)
    case 'integer':
    case 'number':
      return { kind: 'number', whole: type === 'integer', min: schema.minimum ?? -Infinity }
    case 'array':
      return { kind: 'list', of: shape(schema.items ?? {}) }
    case 'object':
      return objectOf(schema, shape)
    case 'null':
    case 'boolean':
      return { kind: type }
    default:
      return { kind: 'any' }
  }
}

function textOf({ enum: values, const: value, format }: JsonSchema): Shape {
  const allowed = value === undefined ? values : [value]
  return { kind: 'string', ...(allowed && { values: allowed }), ...(format && { format }) }
}

function objectOf(schema: JsonSchema, shape: (part: JsonSchema) => Shape): Shape {
  const { properties = {}, required = [], patternProperties, additionalProperties } = schema
  const fields = Object.entries(properties).map(([key, part]): [string, Field] => [
    key,
    { shape: shape(part), required: required.includes(key) },
  ])
  const [pattern] = Object.values(patternProperties ?? {})
  const rest = typeof additionalProperties === 'object' ? additionalProperties : pattern
  return {
    kind: 'object',
    fields: Object.fromEntries(fields),
    ...(rest && { rest: shape(rest) }),
  }
}

/** One mismatch of two shapes: `path` as in `data[].title`. */
export type Misfit = { path: string; why: string }

/**
 * Mismatches where `inner` allows a value that `outer` does not. Contract: both must declare every
 * field of `named`, even an optional one.
 */
export function misfits(inner: Shape, outer: Shape, named: 'inner' | 'outer', path = ''): Misfit[] {
  const no = (why: string) => [{ path, why }]
  if (outer.kind === 'any') return []
  if (inner.kind === 'union') return inner.of.flatMap((one) => misfits(one, outer, named, path))
  if (outer.kind === 'union') return misfitsInUnion(inner, outer.of, { named, path })
  if (inner.kind !== outer.kind) return no(`is ${inner.kind} where ${outer.kind} belongs`)
  if (inner.kind === 'list' && outer.kind === 'list') {
    return misfits(inner.of, outer.of, named, `${path}[]`)
  }
  if (inner.kind === 'object' && outer.kind === 'object') {
    return misfitsOfObjects(inner, outer, { named, path })
  }
  if (inner.kind === 'number' && outer.kind === 'number') {
    if (outer.whole && !inner.whole) return no('may be a fraction')
    return inner.min < outer.min ? no(`may be below ${outer.min}`) : []
  }
  if (inner.kind === 'string' && outer.kind === 'string') {
    const extra = outer.values && (inner.values ?? ['any text']).filter(isNotOneOf(outer.values))
    if (extra && extra.length > 0) return no(`may be ${extra.join(', ')}`)
    if (outer.format && inner.format !== outer.format) return no(`may be no ${outer.format}`)
  }
  return []
}

const isNotOneOf = (values: string[]) => (value: string) => !values.includes(value)

type Place = { named: 'inner' | 'outer'; path: string }
type ObjectShape = Extract<Shape, { kind: 'object' }>

/** Fits when one option does; else the reasons of the nearest option. */
function misfitsInUnion(inner: Shape, options: Shape[], { named, path }: Place): Misfit[] {
  const same = options.filter((option) => option.kind === inner.kind)
  const tries = (same.length > 0 ? same : options).map((option) =>
    misfits(inner, option, named, path),
  )
  return tries.reduce((best, next) => (next.length < best.length ? next : best))
}

function misfitsOfObjects(inner: ObjectShape, outer: ObjectShape, { named, path }: Place) {
  const at = (key: string) => (path === '' ? key : `${path}.${key}`)
  const found: Misfit[] = []
  for (const key of new Set([...Object.keys(inner.fields), ...Object.keys(outer.fields)])) {
    const has = inner.fields[key]
    const wants = outer.fields[key]
    if (wants?.required && !has?.required) found.push({ path: at(key), why: 'may be absent' })
    if (has && wants) found.push(...misfits(has.shape, wants.shape, named, at(key)))
    else if (named === 'inner' ? has && !outer.rest : !has) {
      found.push({ path: at(key), why: 'is unknown' })
    }
  }
  if (inner.rest && outer.rest) found.push(...misfits(inner.rest, outer.rest, named, at('*')))
  return found
}
